package folder_test

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"writ/internal/folder"
)

func TestPrepare(t *testing.T) {
	for _, c := range []struct {
		name  string
		files map[string]string
		want  error
	}{
		{"missing", nil, nil},
		{"settings alone", map[string]string{"writ.yaml": "region: x\n"}, nil},
		{"ours", map[string]string{"version": "1\n", "records": "anything"}, nil},
		{"newer", map[string]string{"version": "2\n"}, folder.ErrNewer},
		{"much newer", map[string]string{"version": "2000000000\n"}, folder.ErrNewer},
		{"damaged", map[string]string{"version": "q\n"}, folder.ErrDamaged},
		{"torn", map[string]string{"version": "1"}, folder.ErrDamaged},
		{"empty", map[string]string{"version": ""}, folder.ErrDamaged},
		{"nought", map[string]string{"version": "0\n"}, folder.ErrDamaged},
		{"somebody's home", map[string]string{"thesis.tex": "x"}, folder.ErrForeign},
	} {
		t.Run(c.name, func(t *testing.T) {
			f := folder.Folder(filepath.Join(t.TempDir(), "data"))
			for name, body := range c.files {
				if err := os.MkdirAll(string(f), 0o700); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(filepath.Join(string(f), name), []byte(body), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if err := f.Prepare(); !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if c.want == nil {
				if err := f.Check(); err != nil {
					t.Fatalf("what was prepared is refused: %v", err)
				}
			}
		})
	}
}

func TestCheckChangesNothing(t *testing.T) {
	f := folder.Folder(filepath.Join(t.TempDir(), "data"))
	if err := f.Check(); !errors.Is(err, folder.ErrNone) {
		t.Fatalf("got %v", err)
	}
	if _, err := os.Stat(string(f)); !errors.Is(err, os.ErrNotExist) {
		t.Fatal("a check made the folder")
	}
}
