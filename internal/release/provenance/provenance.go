// Package provenance makes and checks what a builder signs of a release: an
// in-toto statement (https://in-toto.io/Statement/v1) whose predicate is SLSA's
// provenance (https://slsa.dev/provenance/v1), in a DSSE envelope signed by an
// Ed25519 key. It holds no time and no number of a run: the same release, built
// again, has the same provenance.
//
// Without a key the envelope has no signature, and says by that that nobody
// stands behind it.
package provenance

import (
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/secure-systems-lab/go-securesystemslib/dsse"

	"writ/internal/proof"
)

const (
	payloadType   = "application/vnd.in-toto+json"
	statementType = "https://in-toto.io/Statement/v1"
	predicateType = "https://slsa.dev/provenance/v1"
	// BuildType names how a release is built: docs/releases.md.
	BuildType = "urn:writ:build:go:v1"
)

var (
	// ErrForm: this is not the provenance of a release.
	ErrForm = errors.New("not the provenance of a release")
	// ErrUnsigned: nobody signed it.
	ErrUnsigned = errors.New("the provenance is not signed")
	// ErrSignature: not the pinned key signed it.
	ErrSignature = errors.New("the provenance is not signed by the pinned release key")
	// ErrDiffers: it is about other files.
	ErrDiffers = errors.New("the provenance is about other files than the release")
)

// Statement is an in-toto statement, version 1.
type Statement struct {
	Type          string     `json:"_type"`
	Subject       []Resource `json:"subject"`
	PredicateType string     `json:"predicateType"`
	Predicate     Predicate  `json:"predicate"`
}

// Resource is a file with its hash: a ResourceDescriptor of in-toto.
type Resource struct {
	Name   string            `json:"name,omitempty"`
	URI    string            `json:"uri,omitempty"`
	Digest map[string]string `json:"digest,omitempty"`
}

// Predicate is SLSA's provenance, version 1.
type Predicate struct {
	BuildDefinition Definition `json:"buildDefinition"`
	RunDetails      Run        `json:"runDetails"`
}

// Definition is what was built, from what, and how.
type Definition struct {
	BuildType            string         `json:"buildType"`
	ExternalParameters   Parameters     `json:"externalParameters"`
	InternalParameters   map[string]any `json:"internalParameters,omitempty"`
	ResolvedDependencies []Resource     `json:"resolvedDependencies"`
}

// Parameters are what whoever asks for a release decides.
type Parameters struct {
	Version string   `json:"version"`
	Source  string   `json:"source"` // the archive's file name
	Targets []string `json:"targets"`
}

// Run says who built.
type Run struct {
	Builder Builder `json:"builder"`
}

// Builder is a URI that names who, or what, built.
type Builder struct {
	ID string `json:"id"`
}

// Build is what is said of a release's build.
type Build struct {
	Version  string
	Source   proof.Artifact
	Targets  []string
	Go       string            // version of the compiler
	Settings []string          // environment of every build
	Flags    []string          // of every build
	Builder  string            // URI
	Files    map[string]string // every file that was made, by name, with its hash; the source among them
}

// Make makes the envelope. Without a key it is not signed.
func Make(b Build, key ed25519.PrivateKey) ([]byte, error) {
	s := Statement{
		Type: statementType, PredicateType: predicateType,
		Predicate: Predicate{
			BuildDefinition: Definition{
				BuildType:          BuildType,
				ExternalParameters: Parameters{b.Version, b.Source.Name, b.Targets},
				InternalParameters: map[string]any{"go": b.Go, "environment": b.Settings, "flags": b.Flags},
				ResolvedDependencies: []Resource{
					{Name: b.Source.Name, Digest: digest(b.Source.SHA256)},
					{URI: "pkg:generic/go@" + b.Go},
				},
			},
			RunDetails: Run{Builder{b.Builder}},
		},
	}
	for _, name := range slices.Sorted(maps.Keys(b.Files)) {
		s.Subject = append(s.Subject, Resource{Name: name, Digest: digest(b.Files[name])})
	}
	payload, err := json.Marshal(s)
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the provenance: %w", err)
	}
	envelope := &dsse.Envelope{PayloadType: payloadType, Payload: encode(payload), Signatures: []dsse.Signature{}}
	if key != nil {
		signer, err := dsse.NewEnvelopeSigner(keyPair{key, key.Public().(ed25519.PublicKey)})
		if err != nil {
			return nil, fmt.Errorf("couldn't sign the provenance: %w", err)
		}
		if envelope, err = signer.SignPayload(context.Background(), payloadType, payload); err != nil {
			return nil, fmt.Errorf("couldn't sign the provenance: %w", err)
		}
	}
	out, err := json.MarshalIndent(envelope, "", " ")
	if err != nil {
		return nil, fmt.Errorf("couldn't encode the provenance: %w", err)
	}
	return append(out, '\n'), nil
}

func digest(sha256 string) map[string]string { return map[string]string{"sha256": sha256} }

// Read takes an envelope apart. Nothing of it is verified. Errors: [ErrForm].
func Read(file []byte) (*dsse.Envelope, Statement, error) {
	envelope := new(dsse.Envelope)
	var s Statement
	if err := proof.Unmarshal(file, envelope); err != nil {
		return nil, s, fmt.Errorf("%w: %w", ErrForm, err)
	}
	payload, err := envelope.DecodeB64Payload()
	if err != nil {
		return nil, s, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if err := proof.Unmarshal(payload, &s); err != nil {
		return nil, s, fmt.Errorf("%w: %w", ErrForm, err)
	}
	if envelope.PayloadType != payloadType || s.Type != statementType || s.PredicateType != predicateType || s.Predicate.BuildDefinition.BuildType != BuildType {
		return nil, s, fmt.Errorf("%w: it is of another type", ErrForm)
	}
	return envelope, s, nil
}

// Verify checks that the pinned key signed an envelope. Errors: [ErrForm],
// [ErrUnsigned], [ErrSignature].
func Verify(file []byte, key ed25519.PublicKey) error {
	envelope, _, err := Read(file)
	if err != nil {
		return err
	}
	if len(envelope.Signatures) == 0 {
		return ErrUnsigned
	}
	verifier, err := dsse.NewEnvelopeVerifier(keyPair{nil, key})
	if err != nil {
		return fmt.Errorf("%w: %w", ErrSignature, err)
	}
	if _, err := verifier.Verify(context.Background(), envelope); err != nil {
		return ErrSignature
	}
	return nil
}

// Describes checks that a statement is about a release: its source, its
// compiler, and each file by name and hash. What else it names is of no
// interest, but may not be one of those in another form. Errors: [ErrDiffers].
func (s Statement) Describes(version, goVersion string, source proof.Artifact, files map[string]string) error {
	d := s.Predicate.BuildDefinition
	switch {
	case d.ExternalParameters.Version != version:
		return fmt.Errorf("%w: it is about version %.64q", ErrDiffers, d.ExternalParameters.Version)
	case d.InternalParameters["go"] != goVersion:
		return fmt.Errorf("%w: it was built by another version of Go", ErrDiffers)
	case d.ExternalParameters.Source != source.Name || !slices.ContainsFunc(d.ResolvedDependencies, func(r Resource) bool {
		return r.Name == source.Name && r.Digest["sha256"] == source.SHA256
	}):
		return fmt.Errorf("%w: it was built from another source", ErrDiffers)
	}
	seen := map[string]bool{}
	for _, r := range s.Subject {
		if want, ok := files[r.Name]; seen[r.Name] || ok && r.Digest["sha256"] != want {
			return fmt.Errorf("%w: %.100q has another hash", ErrDiffers, r.Name)
		}
		seen[r.Name] = true
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if !seen[name] {
			return fmt.Errorf("%w: it doesn't name %s", ErrDiffers, name)
		}
	}
	return nil
}

// keyPair is an Ed25519 key as dsse knows keys. The signing half may be nil.
type keyPair struct {
	private ed25519.PrivateKey
	public  ed25519.PublicKey
}

func (k keyPair) Sign(_ context.Context, data []byte) ([]byte, error) {
	return ed25519.Sign(k.private, data), nil
}

func (k keyPair) Verify(_ context.Context, data, sig []byte) error {
	if !ed25519.Verify(k.public, data, sig) {
		return ErrSignature
	}
	return nil
}

func (k keyPair) KeyID() (string, error) { return KeyID(k.public) }

func (k keyPair) Public() crypto.PublicKey { return k.public }
