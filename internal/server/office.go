package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"os"
	"strconv"
	"time"

	"writ/internal/api"
	"writ/internal/bag"
	"writ/internal/config"
	"writ/internal/docket"
	"writ/internal/gate"
	"writ/internal/law"
	"writ/internal/letter"
	"writ/internal/notice"
	"writ/internal/policy"
	"writ/internal/proof"
	"writ/internal/records"
	"writ/internal/seal"
	"writ/internal/signin"
	"writ/internal/staff"
	"writ/packs"
)

// office is what handles demands: law, letters, staff, notices, and the docket
// over them.
type office struct {
	law     *law.Law
	letters *letter.Set
	staff   *staff.Staff
	signin  *signin.Signin
	notices *notice.Queue
	docket  *docket.Docket
	key     *seal.Key
	stop    func()
}

// maxHouse bounds the file of house rules.
const maxHouse = 1 << 20

func openLaw(cfg config.Docket) (*law.Law, error) {
	var house []byte
	if cfg.House != "" {
		info, err := os.Stat(cfg.House)
		if err == nil && info.Size() > maxHouse {
			return nil, fmt.Errorf("the house rules %s have more than %d bytes", cfg.House, maxHouse)
		}
		if house, err = os.ReadFile(cfg.House); err != nil {
			return nil, fmt.Errorf("couldn't read the house rules: %w", err)
		}
	}
	var from fs.FS = packs.FS
	if cfg.Packs != "" {
		from = os.DirFS(cfg.Packs)
	}
	l, err := law.Load(from, house)
	if err != nil {
		return nil, fmt.Errorf("couldn't load the law packs: %w", err)
	}
	return l, nil
}

func openLetters(cfg config.Docket) (*letter.Set, error) {
	if cfg.Letters == "" {
		return letter.Load()
	}
	set, err := letter.LoadHouse(os.DirFS(cfg.Letters))
	if err != nil {
		return nil, fmt.Errorf("couldn't load the house's letters: %w", err)
	}
	return set, nil
}

// openOffice opens what handles demands, over the open rooms and the log.
func (s *Server) openOffice(ctx context.Context) (err error) {
	o := &office{}
	s.office = o
	if o.law, err = openLaw(s.cfg.Docket); err != nil {
		return err
	}
	if o.letters, err = openLetters(s.cfg.Docket); err != nil {
		return err
	}
	if o.staff, err = staff.New(s.rooms.Records, s.rooms.now); err != nil {
		return fmt.Errorf("couldn't open the staff: %w", err)
	}
	if err := s.openNotices(ctx, o); err != nil {
		return err
	}
	o.key = s.rooms.Gate.StoreKey("docket") // in use as long as the docket is
	o.docket, err = docket.Open(ctx, s.docketConfig(o))
	return err
}

func (s *Server) openNotices(ctx context.Context, o *office) error {
	c := notice.Config{
		Records: s.rooms.Records, Operator: s.cfg.Provider.Name, Log: s.log, Seal: sealNotice,
		Webhooks: notice.WebhookConfig{Allow: s.cfg.Webhooks},
		// The docket is opened after the queue, and the queue runs after both.
		Alarm: func(ctx context.Context, tx records.Tx, m notice.Message, d notice.Delivery) error {
			return o.docket.Outcome(false)(ctx, tx, m, d)
		},
		Accepted: func(ctx context.Context, tx records.Tx, m notice.Message, d notice.Delivery) error {
			return o.docket.Outcome(true)(ctx, tx, m, d)
		},
	}
	if s.cfg.Mail.Server != "" {
		host, port, err := net.SplitHostPort(s.cfg.Mail.Server)
		if err != nil {
			return fmt.Errorf("couldn't read mail.server: %w", err)
		}
		number, err := strconv.Atoi(port)
		if err != nil {
			return fmt.Errorf("couldn't read mail.server: %w", err)
		}
		if c.Mail, err = notice.NewMail(notice.MailConfig{
			Host: host, Port: number, Implicit: s.cfg.Mail.TLS == "implicit", CAFile: s.cfg.Mail.CAFile, From: s.cfg.Mail.From,
			User: s.cfg.Mail.User, PasswordFile: s.cfg.Mail.PasswordFile,
		}); err != nil {
			return fmt.Errorf("couldn't set up mail: %w", err)
		}
	}
	var err error
	if o.notices, err = notice.New(ctx, c); err != nil {
		return fmt.Errorf("couldn't open the notices: %w", err)
	}
	return nil
}

// sealNotice seals a notice to a contact's key: an age recipient, or the key in
// an X.509 certificate.
func sealNotice(key string, plaintext []byte) (ending string, sealed []byte, err error) {
	r, err := bag.ParseRecipient(key, time.Now())
	if err != nil {
		return "", nil, err
	}
	return bag.SealTo(r, time.Now(), plaintext)
}

func (s *Server) docketConfig(o *office) docket.Config {
	p, d := s.cfg.Provider, s.cfg.Docket
	name := p.Name
	if name == "" {
		name = s.ledger.Origin()
	}
	packages := d.Packages
	if packages == "" {
		packages = s.rooms.Folder.Packages()
	}
	return docket.Config{
		Records: s.rooms.Records, Book: s.ledger.Book, Law: o.law, Staff: o.staff, Gate: s.rooms.Gate, Vault: s.rooms.Vault,
		Notices: o.notices, Letters: o.letters, Key: o.key, Packages: packages, Origin: s.ledger.Origin(), Release: s.version,
		LogKey: s.ledger.Key, Witnesses: s.ledger.pinned(), CustodiansChanged: s.statePolicy,
		Provider: docket.Provider{
			Name: name, Country: p.Country, TimeZone: p.TimeZone, Language: p.Language, Address: p.Address, Contact: p.Contact,
			Signatory: p.Signatory, Function: p.Function,
		},
		House: docket.House{
			Velocity: d.Velocity, WritFor: d.WritFor, ReviewEvery: d.ReviewEvery,
			Retention: docket.Retention{Documents: d.KeepDocuments, Packages: d.KeepPackages, Cases: d.KeepCases},
		},
		Now: s.rooms.now, Log: s.log,
	}
}

// start runs what the office does of itself: clocks, notices, retention.
func (o *office) start(stalled func(room, what string, err error)) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{}, 3)
	run := func(room, what string, fn func(context.Context) error) {
		go func() {
			if err := fn(ctx); err != nil && !errors.Is(err, context.Canceled) {
				stalled(room, what, err)
			}
			done <- struct{}{}
		}()
	}
	run("docket", "the docket's clocks stand still", o.docket.Run)
	run("notices", "notices stand still", o.notices.Run)
	run("retention", "what is kept no longer is not erased", o.expire)
	o.stop = func() {
		cancel()
		for range 3 {
			<-done
		}
	}
}

// expire erases what is kept no longer, once an hour.
func (o *office) expire(ctx context.Context) error {
	tick := time.NewTicker(expireEvery)
	defer tick.Stop()
	for {
		for _, expire := range []func(context.Context) error{o.docket.Expire, o.signin.Expire} {
			if err := expire(ctx); err != nil && ctx.Err() == nil {
				return err
			}
		}
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
	}
}

// close ends what the office runs; again it does nothing.
func (o *office) close() {
	if o.stop != nil {
		o.stop()
		o.stop = nil
	}
	if o.key != nil {
		o.key.Erase()
		o.key = nil
	}
}

// handler is the office's interface.
func (s *Server) officeHandler() http.Handler {
	o := s.office
	return api.OfficeHandler(api.Office{
		Docket: o.docket, Staff: o.staff, Notices: o.notices, Law: o.law, Gate: s.rooms.Gate, Vault: s.rooms.Vault, Signin: o.signin,
		Keeper: s.keeper, Machine: s.machine, Settings: s.settingStates, Version: s.version, Now: s.rooms.now, Log: s.log,
	})
}

// serveAdministration serves the administration on its socket, and with it the
// office: a person's token says there who asks.
func (s *Server) serveAdministration() (err error) {
	mux := http.NewServeMux()
	rooms := s.rooms.Administration(s.version, s.Status, s.ledger)
	rooms.Signin = s.office.signin
	mux.Handle("/", api.Handler(rooms))
	mux.Handle(api.OfficePath, s.officeHandler())
	s.admin, err = api.Serve(s.rooms.Folder, mux)
	return err
}

// enforced is what the server enforces, as the policy statement says it.
func (s *Server) enforced() proof.Policy {
	p := s.ledger.Enforced(s.program.standing.Public())
	for _, pack := range s.office.law.Packs() {
		if pack.Enabled {
			p.Packs = append(p.Packs, pack.Name+" "+pack.Version+" "+pack.SHA256)
		}
	}
	if set, ok := s.rooms.Gate.Custodians(); ok {
		p.Threshold = set.Threshold
		for _, m := range set.Members {
			p.Custodians = append(p.Custodians, describeMember(m))
		}
	}
	return p
}

// lawTrouble says what keeps writs from opening anything, though custodians
// are pinned.
func (s *Server) lawTrouble() string {
	if err := s.rooms.Gate.Lawful(); err != nil && !errors.Is(err, gate.ErrNoSet) {
		return err.Error()
	}
	return ""
}

// describeMember is a key of the custodians' set as the public policy has it.
func describeMember(m policy.Member) string {
	text := string(m.Person) + " " + string(m.Role) + " " + m.KeyID()
	if m.Outside {
		text += " outside"
	}
	if m.Offline {
		text += " offline"
	}
	if m.Passkey != nil {
		text += " passkey " + m.Passkey.Origin
	}
	return text
}

// statePolicy states the policy again, after it changed.
func (s *Server) statePolicy() {
	if _, err := s.ledger.Book.PolicyNow(context.Background(), s.enforced()); err != nil {
		s.log.Error("the changed policy is not in the public log; the next start states it", "error", err.Error())
	}
}
