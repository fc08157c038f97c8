package bag

import (
	"bytes"
	"fmt"
	"strings"
	"time"
)

// SealTo seals a short text to one recipient, in the format of its key. The
// ending is what the name of such a file ends in: ".age" or ".p7m".
func SealTo(r Recipient, at time.Time, plaintext []byte) (ending string, sealed []byte, err error) {
	s, err := newSealing(Input{Recipients: []Recipient{r}, Now: at, VolumeBytes: int64(len(plaintext))})
	if err != nil {
		return "", nil, err
	}
	var out bytes.Buffer
	w, err := s.volume(&out)
	if err == nil {
		_, err = w.Write(plaintext)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return "", nil, fmt.Errorf("couldn't seal: %w", err)
	}
	return strings.TrimPrefix(s.ext(), ".tar"), out.Bytes(), nil
}
