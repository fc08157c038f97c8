package public

import (
	"strings"

	"writ/internal/printable"
	"writ/internal/proof"
)

// What a page shows of statements and settings is text that somebody wrote.
// Templates escape it for HTML; these make control characters, and what turns the
// direction of writing, visible. A leaf's own bytes are never changed: what is
// hashed, proven and given out is what lies in the log.

func plain(texts ...*string) {
	for _, t := range texts {
		*t = printable.Line(*t)
	}
}

func plainAll(texts []string) []string {
	out := make([]string, len(texts))
	for i, t := range texts {
		out[i] = printable.Line(t)
	}
	return out
}

func plainPolicy(p proof.Policy) proof.Policy {
	plain(&p.Origin, &p.Interval, &p.TLSMin)
	p.Witnesses = printable.Text(strings.TrimSpace(p.Witnesses))
	p.Outside, p.Custodians, p.Packs = plainAll(p.Outside), plainAll(p.Custodians), plainAll(p.Packs)
	if p.Break != nil {
		b := *p.Break
		plain(&b.Origin, &b.Reason)
		p.Break = &b
	}
	return p
}

func plainRelease(r proof.Release) proof.Release {
	plain(&r.Version, &r.Source.Name, &r.Source.SHA256, &r.SBOM, &r.Provenance, &r.DataMap, &r.Go)
	r.Binaries = append([]proof.Binary{}, r.Binaries...)
	for i := range r.Binaries {
		plain(&r.Binaries[i].Target, &r.Binaries[i].SHA256)
	}
	return r
}

func plainReport(r proof.Report) proof.Report {
	plain(&r.Digest, &r.From, &r.To, &r.Structure, &r.Corrects)
	return r
}

// policyNow is what the server enforces.
func (p *pages) policyNow() proof.Policy { return plainPolicy(p.Server.Enforced()) }

// program is what runs.
func (p *pages) program() Program {
	out := p.Server.Program()
	plain(&out.Version, &out.SHA256, &out.Target)
	if out.Release != nil {
		r := plainRelease(*out.Release)
		out.Release = &r
	}
	return out
}

// operator is who runs it.
func (p *pages) operator() Operator {
	o := p.Server.Operator()
	plain(&o.Name, &o.Country, &o.Contact)
	o.Address = plainAll(o.Address)
	return o
}
