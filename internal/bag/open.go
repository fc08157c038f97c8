package bag

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path"
	"path/filepath"
	"strings"

	"filippo.io/age"

	"writ/internal/space"
)

// cmsOverhead is more than a CMS message adds to a volume.
const cmsOverhead = 256 << 10

// OpenInput says how [Open] unpacks.
type OpenInput struct {
	Package  string // the package's folder
	Into     string // a folder that isn't there yet: it becomes the bag
	Identity Identity
	// MaxBytes bounds what is written; 0 is no bound but the disk's room.
	MaxBytes int64
	Progress func(done, total int64) // bytes of volumes read; may be nil
}

// Open checks a package, opens its volumes with a private key, unpacks them
// into a new folder and verifies the bag there. It is for the authority's
// side: what it writes is plaintext. The folder appears when everything is
// unpacked; whether the bag is valid is in the report.
func Open(ctx context.Context, in OpenInput) (Report, error) {
	file, err := readPackage(in.Package)
	if err != nil {
		return Report{}, err
	}
	p := file.pack()
	if in.Identity.opens() != p.Sealing {
		return Report{}, fmt.Errorf("%w: the package is sealed to %s keys", ErrIdentity, p.Sealing)
	}
	if _, err := os.Lstat(in.Into); !errors.Is(err, os.ErrNotExist) {
		return Report{}, fmt.Errorf("%w: %s is there already; choose a folder that isn't", ErrOther, in.Into)
	}
	partial, err := os.MkdirTemp(filepath.Dir(filepath.Clean(in.Into)), ".package-")
	if err != nil {
		return Report{}, full(fmt.Errorf("couldn't make a folder for the bag: %w", err))
	}
	defer os.RemoveAll(partial)
	if err := unpackAll(ctx, in, p, partial); err != nil {
		return Report{}, err
	}
	report, err := Verify(partial)
	if err != nil {
		return Report{}, err
	}
	if report.Manifest != p.Manifest {
		report.problem("tagmanifest-sha256.txt isn't the one that package.json names")
	}
	if err := os.Rename(partial, in.Into); err != nil {
		return Report{}, fmt.Errorf("couldn't put the bag in place: %w", err)
	}
	return report, nil
}

// opens is which sealing the key is for.
func (id Identity) opens() string {
	switch {
	case id.rsa != nil || id.ec != nil:
		return sealCMS
	case len(id.age) > 0:
		return sealAge
	}
	return ""
}

func unpackAll(ctx context.Context, in OpenInput, p Package, into string) error {
	root, err := os.OpenRoot(into)
	if err != nil {
		return fmt.Errorf("couldn't open the folder for the bag: %w", err)
	}
	defer root.Close()
	src := &volumes{ctx: ctx, in: in, p: p}
	defer src.close()
	for _, v := range p.Volumes {
		src.total += v.Size
	}
	u := &unpacker{root: root, base: string(p.Case) + "/", room: &room{max: in.MaxBytes, watch: space.Watch{Dir: into}}}
	if err := u.unpack(tar.NewReader(src)); err != nil {
		return fmt.Errorf("couldn't unpack the package: %w", full(err))
	}
	// The trailer is read; what follows it must be nothing, so that each
	// volume is authenticated to its end.
	if n, err := io.Copy(io.Discard, src); err != nil {
		return fmt.Errorf("couldn't unpack the package: %w", err)
	} else if n > 0 {
		return fmt.Errorf("couldn't unpack the package: %w: %d bytes follow its end", ErrDamaged, n)
	}
	return nil
}

// volumes reads the plaintext of all volumes as the one stream that it is.
type volumes struct {
	ctx   context.Context
	in    OpenInput
	p     Package
	next  int
	done  int64
	total int64
	f     *os.File
	plain io.Reader
}

func (s *volumes) Read(p []byte) (int, error) {
	for {
		if err := s.ctx.Err(); err != nil {
			return 0, err
		}
		if s.plain == nil {
			if s.next == len(s.p.Volumes) {
				return 0, io.EOF
			}
			if err := s.open(s.p.Volumes[s.next]); err != nil {
				return 0, fmt.Errorf("volume %d: %w", s.next+1, err)
			}
		}
		n, err := s.plain.Read(p)
		if err == io.EOF {
			s.close()
			s.done += s.p.Volumes[s.next].Size
			s.next++
			if s.in.Progress != nil {
				s.in.Progress(s.done, s.total)
			}
			err = nil
		}
		if err != nil {
			return n, fmt.Errorf("volume %d: %w: %w", s.next+1, ErrDamaged, err)
		}
		if n > 0 {
			return n, nil
		}
	}
}

func (s *volumes) open(v Volume) error {
	if err := checkVolume(s.in.Package, v); err != nil {
		return err
	}
	f, err := os.Open(filepath.Join(s.in.Package, v.Name))
	if err != nil {
		return err
	}
	s.f = f
	if s.p.Sealing == sealAge {
		s.plain, err = age.Decrypt(f, s.in.Identity.age...)
		var none *age.NoIdentityMatchError
		if errors.As(err, &none) {
			return fmt.Errorf("%w: the volume isn't sealed to it", ErrIdentity)
		}
		return err
	}
	if v.Size > MaxVolumeCMS+cmsOverhead {
		return fmt.Errorf("%w: it is larger than a volume may be", ErrDamaged)
	}
	message := make([]byte, v.Size)
	if _, err := io.ReadFull(f, message); err != nil {
		return err
	}
	plain, err := openCMS(s.in.Identity, message)
	if err != nil {
		return err
	}
	s.plain = bytes.NewReader(plain)
	return nil
}

func (s *volumes) close() {
	s.plain = nil
	if s.f != nil {
		s.f.Close()
		s.f = nil
	}
}

// unpacker writes regular files and folders below one folder, and nothing
// else: no link, no device, nothing twice.
type unpacker struct {
	root  *os.Root
	base  string // the folder that every entry of the stream is in
	room  *room
	files int
}

func (u *unpacker) unpack(r *tar.Reader) error {
	for n := 1; ; n++ {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		if err := u.entry(h, r); err != nil {
			return fmt.Errorf("entry %d: %w", n, err)
		}
	}
}

func (u *unpacker) entry(h *tar.Header, r io.Reader) error {
	name, ok := strings.CutPrefix(h.Name, u.base)
	name = strings.TrimSuffix(name, "/")
	if u.files++; u.files > 2*MaxObjects {
		return fmt.Errorf("%w: there are too many", ErrDamaged)
	}
	if !ok || !isInside(name) {
		return fmt.Errorf("%w: its name leads out of the bag", ErrDamaged)
	}
	switch h.Typeflag {
	case tar.TypeDir:
		return u.root.MkdirAll(name, 0o700)
	case tar.TypeReg:
		return u.file(name, h, r)
	}
	return fmt.Errorf("%w: it is neither a file nor a folder", ErrDamaged)
}

func (u *unpacker) file(name string, h *tar.Header, r io.Reader) error {
	if err := u.root.MkdirAll(path.Dir(name), 0o700); err != nil {
		return err
	}
	f, err := u.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%w: it is there twice", ErrDamaged)
	}
	if err != nil {
		return err
	}
	_, err = io.Copy(roomy{u.room, f}, r)
	if e := f.Close(); err == nil {
		err = e
	}
	if err != nil {
		return err
	}
	return u.root.Chtimes(name, h.ModTime, h.ModTime)
}
