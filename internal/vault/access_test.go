package vault

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"testing"

	"writ"
	"writ/internal/gate"
)

// journal returns the uses in a customer's journal, but for readings of it
// and upkeep.
func (r *rig) journal(s Session) (uses []gate.Entry) {
	r.t.Helper()
	for e, err := range r.gate.Journal(r.ctx, gate.Owner(s.Customer, s.Credential), gate.Use{Customer: s.Customer}, gate.JournalQuery{}) {
		if err != nil {
			r.t.Fatal(err)
		}
		if e.Op != "journal" && e.Reason != writ.ReasonUpkeep {
			uses = append(uses, e)
		}
	}
	return uses
}

// Every use of a key is in its owner's journal: who, by which right, what.
func TestUsesAreJournaledWithTheirRight(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", VersioningEnabled)
	r.bucket(r.press, "proofs", Unversioned)
	policy := []byte(`{"Statement":[]}`)
	acl := []byte("<acl/>")
	if err := r.PutBucketSetting(r.ctx, r.clinic, "scans", SettingACL, acl); err != nil {
		t.Fatal(err)
	}
	ref := ObjectRef{Bucket: "scans", Key: "a"}
	presigned, anonymous := r.clinic, r.clinic
	presigned.Presigned = true
	anonymous.Customer, anonymous.Credential = "", ""

	made := r.put(r.clinic, "scans", "a", "body")
	r.want(r.clinic, ref, "body")
	r.want(presigned, ref, "body")
	r.want(r.press, ref, "body") // by ACL
	if err := r.PutBucketSetting(r.ctx, r.clinic, "scans", SettingPolicy, policy); err != nil {
		t.Fatal(err)
	}
	r.want(anonymous, ref, "body") // by policy
	_, err := r.Copy(r.ctx, r.press, CopyInput{Source: ref, To: PutInput{Bucket: "proofs", Key: "b"}})
	if err != nil {
		t.Fatal(err)
	}
	o, err := r.Get(r.ctx, r.clinic, GetInput{ObjectRef: ref, Range: func(int64) (int64, int64, error) { return 1, 2, nil }})
	if err != nil {
		t.Fatal(err)
	}
	o.Body.Close()
	// What opens nothing is not in it.
	if _, err := r.Head(r.ctx, r.press, GetInput{ObjectRef: ref}); err != nil {
		t.Fatal(err)
	}
	if _, err := r.List(r.ctx, r.press, ListInput{Bucket: "scans"}); err != nil {
		t.Fatal(err)
	}
	_, err = r.Get(r.ctx, r.press, GetInput{ObjectRef: ref, Conditions: Conditions{IfNoneMatch: "*"}})
	wantError(t, err, ErrNotModified)

	var none [32]byte
	byACL, byPolicy := sha256.Sum256(acl), sha256.Sum256(policy)
	want := []gate.Entry{
		{Op: "put", Reason: writ.ReasonOwner, Credential: r.clinic.Credential, Length: 4},
		{Op: "get", Reason: writ.ReasonOwner, Credential: r.clinic.Credential},
		{Op: "get", Reason: writ.ReasonGrant, Principal: string(r.clinic.Customer), Presigned: true, Policy: none},
		{Op: "get", Reason: writ.ReasonGrant, Principal: string(r.press.Customer), Policy: byACL},
		{Op: "get", Reason: writ.ReasonGrant, Principal: gate.Anonymous, Policy: byPolicy},
		{Op: "copy-from", Reason: writ.ReasonGrant, Principal: string(r.press.Customer), Policy: byPolicy},
		{Op: "get", Reason: writ.ReasonOwner, Credential: r.clinic.Credential, Offset: 1, Length: 2},
	}
	got := r.journal(r.clinic)
	if len(got) != len(want) {
		t.Fatalf("journal has %d uses, not %d", len(got), len(want))
	}
	for i, e := range got {
		w := want[i]
		if e.Op != w.Op || e.Reason != w.Reason || e.Credential != w.Credential || e.Principal != w.Principal ||
			e.Presigned != w.Presigned || e.Policy != w.Policy || e.Offset != w.Offset || e.Length != w.Length {
			t.Errorf("use %d is %+v, not %+v", i, e, w)
		}
		if e.Bucket != "scans" || e.Key != "a" || e.Addr != r.clinic.Addr || e.Request != "test" || e.Blob != got[0].Blob {
			t.Errorf("use %d is %+v", i, e)
		}
		if e.Op != "put" && e.Version != made.ObjectRef.Version {
			t.Errorf("use %d is of version %q", i, e.Version)
		}
	}
	if copied := r.journal(r.press); len(copied) != 1 || copied[0].Op != "copy-to" || copied[0].Reason != writ.ReasonOwner || copied[0].Blob == got[0].Blob {
		t.Errorf("journal of the copy's owner is %+v", copied)
	}
}

// What others put into a bucket is its owner's: key, usage and journal.
func TestObjectsBelongToTheBucketsOwner(t *testing.T) {
	r := newRig(t)
	r.bucket(r.clinic, "scans", Unversioned)
	made := r.put(r.press, "scans", "a", "body")
	if made.Owner != r.clinic.Customer {
		t.Fatalf("owner is %s", made.Owner)
	}
	r.want(r.clinic, ObjectRef{Bucket: "scans", Key: "a"}, "body")
	if u, err := r.Usage(r.ctx, r.press.Customer); err != nil || u != (Usage{}) {
		t.Fatalf("who put it uses %+v, error %v", u, err)
	}
	r.wantUsage(r.clinic)
	if uses := r.journal(r.press); len(uses) != 0 {
		t.Fatalf("who put it has %d uses in the journal", len(uses))
	}
}

func TestCustomers(t *testing.T) {
	r := newRig(t)
	for _, name := range []string{"", " x", "a\nb", strings.Repeat("x", 129), "\xff", string(writ.NewCustomerID())} {
		_, err := r.AddCustomer(r.ctx, name)
		wantError(t, err, ErrCustomerName)
	}
	_, err := r.AddCustomer(r.ctx, "harbour-clinic")
	wantError(t, err, ErrCustomerExists)
	byName, err := r.Customer(r.ctx, "harbour-clinic")
	if err != nil {
		t.Fatal(err)
	}
	byID, err := r.Customer(r.ctx, string(r.clinic.Customer))
	if err != nil || byID != byName || byID.Name != "harbour-clinic" {
		t.Fatalf("by id %+v, by name %+v, error %v", byID, byName, err)
	}
	_, err = r.Customer(r.ctx, "nobody")
	wantError(t, err, ErrNoCustomer)
	_, err = r.Usage(r.ctx, writ.NewCustomerID())
	wantError(t, err, ErrNoCustomer)
	var names []string
	for next := ""; ; {
		page, err := r.Customers(r.ctx, next, 1)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range page.Customers {
			names = append(names, c.Name)
		}
		if next = page.Next; next == "" {
			break
		}
	}
	if !slices.Equal(names, []string{"harbour-clinic", "tidewater-press"}) {
		t.Fatalf("customers are %q", names)
	}
	var made int
	results := make([]error, 8)
	together(8, func(i int) { _, results[i] = r.AddCustomer(r.ctx, "fernhill-archive") })
	for _, err := range results {
		if err == nil {
			made++
		} else {
			wantError(t, err, ErrCustomerExists)
		}
	}
	if made != 1 {
		t.Fatalf("%d customers of one name", made)
	}
}

func TestCredentials(t *testing.T) {
	r := newRig(t)
	c, err := r.AddCredential(r.ctx, r.clinic.Customer)
	if err != nil {
		t.Fatal(err)
	}
	if len(c.ID) != 20 || len(c.Secret) != 40 {
		t.Fatalf("access key has %d characters, secret %d", len(c.ID), len(c.Secret))
	}
	other, err := r.AddCredential(r.ctx, r.clinic.Customer)
	if err != nil {
		t.Fatal(err)
	}
	all, err := r.Credentials(r.ctx, r.clinic.Customer)
	if err != nil || len(all) != 2 || all[0].Secret+all[1].Secret != "" {
		t.Fatalf("credentials are %+v, error %v", all, err)
	}
	for range 2 {
		key, customer, err := r.SigningKey(r.ctx, c.ID, "20261123", "eu-north-1", "s3")
		if err != nil || len(key) != 32 || customer != r.clinic.Customer {
			t.Fatalf("signing key of %d bytes for %q, error %v", len(key), customer, err)
		}
	}
	if err := r.RemoveCredential(r.ctx, c.ID); err != nil {
		t.Fatal(err)
	}
	_, _, err = r.SigningKey(r.ctx, c.ID, "20261123", "eu-north-1", "s3")
	wantError(t, err, ErrNoCredential)
	wantError(t, r.RemoveCredential(r.ctx, c.ID), ErrNoCredential)
	if _, _, err = r.SigningKey(r.ctx, other.ID, "20261123", "eu-north-1", "s3"); err != nil {
		t.Fatal(err)
	}
	_, err = r.AddCredential(r.ctx, writ.NewCustomerID())
	wantError(t, err, ErrNoCustomer)
	if text := fmt.Sprintf("%+v", all); strings.Contains(text, c.Secret) {
		t.Fatal("a secret came out again")
	}
}

// The key is that of AWS's own example, where the secret is public.
// https://docs.aws.amazon.com/IAM/latest/UserGuide/signature-v4-examples.html
func TestSigningKeyIsThatOfSignatureVersion4(t *testing.T) {
	r := newRig(t)
	record := credentialRecord{Customer: r.clinic.Customer, Secret: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"}
	var b batch
	b.Put(credentialKey("AKIDEXAMPLE"), encode(record))
	if err := r.records.Apply(r.ctx, &b); err != nil {
		t.Fatal(err)
	}
	key, _, err := r.SigningKey(r.ctx, "AKIDEXAMPLE", "20120215", "us-east-1", "iam")
	if err != nil {
		t.Fatal(err)
	}
	if got, want := hex.EncodeToString(key), "f4780e2d9f65fa895f9c67b32ce1baf0b0d8a43505a000a1a9e090d414db404d"; got != want {
		t.Fatalf("key is %s, not %s", got, want)
	}
}
