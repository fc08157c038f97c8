package notice

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"writ"
	"writ/internal/records"
)

// Webhooks are signed as standardwebhooks.com says: HMAC-SHA-256 over
// "id.timestamp.body" under a secret of 32 bytes, written "whsec_" and base64.

// overlap is how long a replaced secret still signs beside the new one, so that
// a receiver can change over without missing anything.
const overlap = 24 * time.Hour

func secretText(secret []byte) string {
	return "whsec_" + base64.StdEncoding.EncodeToString(secret)
}

func newSecret() []byte {
	b := make([]byte, 32)
	rand.Read(b)
	return b
}

func readSecret(ctx context.Context, r records.Reader, owner writ.CustomerID, address string) (*secretRecord, error) {
	value, err := r.Get(ctx, secretKey(owner, address))
	if errors.Is(err, records.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	s := new(secretRecord)
	return s, decodeRecord(value, s)
}

// needSecret makes a webhook's secret, if it has none that its owner has seen
// since it was last added, and returns the text of one that is new.
func (q *Queue) needSecret(ctx context.Context, tx records.Tx, owner writ.CustomerID, address string) (fresh string, err error) {
	s, err := readSecret(ctx, tx, owner, address)
	if err != nil || s != nil && !s.Gone {
		return "", err
	}
	return q.replaceSecret(tx, owner, address, s), nil
}

// replaceSecret makes a new secret; the one before signs on for a while.
func (q *Queue) replaceSecret(tx records.Tx, owner writ.CustomerID, address string, before *secretRecord) string {
	s := secretRecord{Secret: newSecret()}
	if before != nil {
		s.Previous, s.Until = before.Secret, q.clock.Now().Add(overlap).UnixMilli()
	}
	tx.Put(secretKey(owner, address), encodeRecord(s))
	return secretText(s.Secret)
}

func retireSecret(ctx context.Context, tx records.Tx, owner writ.CustomerID, address string) error {
	s, err := readSecret(ctx, tx, owner, address)
	if err != nil || s == nil {
		return err
	}
	s.Gone = true
	tx.Put(secretKey(owner, address), encodeRecord(s))
	return nil
}

// StaffWebhook makes a webhook of the staff's known, so that pages may go to
// it, and returns its signing secret, which is shown this once; empty if it is
// known already. Errors: [ErrContact].
func (q *Queue) StaffWebhook(ctx context.Context, address string) (secret string, err error) {
	if err := checkURL(address, q.config.Webhooks); err != nil {
		return "", err
	}
	err = records.Retry(ctx, q.store, func(tx records.Tx) (err error) {
		secret, err = q.needSecret(ctx, tx, "", address)
		return err
	})
	if err != nil {
		return "", fmt.Errorf("couldn't make the webhook known: %w", err)
	}
	return secret, nil
}

// RotateSecret replaces the secret of a webhook of a customer's, or of the
// staff's if the customer is empty, and returns the new one, which is shown
// this once. For a day both sign. Errors: [ErrUnknown].
func (q *Queue) RotateSecret(ctx context.Context, owner writ.CustomerID, address string) (secret string, err error) {
	err = records.Retry(ctx, q.store, func(tx records.Tx) error {
		s, err := readSecret(ctx, tx, owner, address)
		if err != nil {
			return err
		}
		if s == nil || s.Gone {
			return ErrUnknown
		}
		secret = q.replaceSecret(tx, owner, address, s)
		return nil
	})
	if err != nil {
		return "", fmt.Errorf("couldn't replace the webhook's secret: %w", err)
	}
	return secret, nil
}

// sign is the webhook-signature of a body.
func (s *secretRecord) sign(name string, at time.Time, body []byte) string {
	secrets := [][]byte{s.Secret}
	if len(s.Previous) > 0 && at.UnixMilli() < s.Until && !bytes.Equal(s.Previous, s.Secret) {
		secrets = append(secrets, s.Previous)
	}
	var out []string
	for _, secret := range secrets {
		mac := hmac.New(sha256.New, secret)
		mac.Write([]byte(name + "." + strconv.FormatInt(at.Unix(), 10) + "."))
		mac.Write(body)
		out = append(out, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(out, " ")
}
