package docket

import (
	"bytes"
	"errors"
	"testing"
	"time"

	"writ"
	"writ/internal/records"
	"writ/internal/staff"
	"writ/internal/vault"
)

// TestDamage: counsel learns which cases' preserved data are not whole, nobody
// else does, and the store's own check says that all is well.
func TestDamage(t *testing.T) {
	r := newRig(t)
	if d, err := r.Damage(r.ctx, r.who("mira")); err != nil || !d.Checked.IsZero() {
		t.Fatalf("before any check: %+v %v", d, err)
	}
	r.bucket("ward-seven", map[writ.ObjectKey]string{"letters/calder": "the fever is gone", "letters/moss": "come back in May"})
	id := r.reviewed(r.epoc(), wards())
	for _, key := range []writ.ObjectKey{"letters/calder", "letters/moss"} {
		_, err := r.Vault.Delete(r.ctx, r.session, vault.DeleteInput{ObjectRef: vault.ObjectRef{Bucket: "ward-seven", Key: key}})
		r.must(err)
	}
	check := func() vault.Report {
		report, err := r.Vault.Fsck(r.ctx, vault.FsckOptions{Settle: time.Millisecond})
		r.must(err)
		return report
	}
	check()
	d, err := r.Damage(r.ctx, r.who("mira"))
	if err != nil || d.Checked.IsZero() || d.Versions == 0 || d.Damaged != 0 || len(d.Cases) != 0 {
		t.Fatalf("all is whole: %+v %v", d, err)
	}
	damaged := 0
	scope := records.Prefix([]byte{'d'}) // inline data of the vault's
	list, _, err := r.records.Scan(r.ctx, scope)
	r.must(err)
	for _, e := range list {
		var b records.Batch
		b.Delete(bytes.Clone(e.Key))
		r.must(r.records.Apply(r.ctx, &b))
		damaged++
	}
	if report := check(); damaged == 0 || !report.Clean() {
		t.Errorf("%d damaged, and the store's check says %+v", damaged, report)
	}
	d, err = r.Damage(r.ctx, r.who("mira"))
	if err != nil || d.Damaged == 0 || len(d.Cases) != 1 || d.Cases[0] != (DamagedCase{id, d.Damaged}) || d.Unknown != 0 {
		t.Errorf("counsel is told %+v %v", d, err)
	}
	for _, name := range []string{"noor", "ada", "sam"} {
		if d, err := r.Damage(r.ctx, r.who(name)); !errors.Is(err, ErrRole) || d.Versions+d.Damaged != 0 {
			t.Errorf("%s is told %+v %v", name, d, err)
		}
	}
	operator := r.who("mira")
	operator.Roles = []writ.Role{writ.RoleOperator, writ.RoleAuditor}
	if d, err := r.Damage(r.ctx, operator); !errors.Is(err, ErrRole) || d.Versions+d.Damaged != 0 {
		t.Errorf("an operator is told %+v %v", d, err)
	}
	trail, _, err := r.Staff.Audit(r.ctx, staff.AuditFilter{Act: "view-damage"}, 0, 100)
	if err != nil || len(trail) != 7 {
		t.Errorf("%d entries in the audit trail, %v", len(trail), err)
	}
}
