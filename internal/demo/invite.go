package demo

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"strings"

	"writ/internal/api"
)

// invite tells a reader's own clients how to reach the server, and leaves the
// same beside the server's files.
func (s *story) invite(ctx context.Context) error {
	c := s.clinic.credential
	s.say("Your turn: the server stays up until ctrl-C")
	text := fmt.Sprintf(`
   endpoint    %[1]s
   CA file     %[2]s
   access key  %[3]s
   secret key  %[4]s
   region      %[5]s
   bucket      %[6]s

   with the AWS command line:
     export AWS_ACCESS_KEY_ID=%[3]s AWS_SECRET_ACCESS_KEY=%[4]s
     export AWS_CA_BUNDLE=%[2]s AWS_DEFAULT_REGION=%[5]s
     aws --endpoint-url %[1]s s3 ls --recursive s3://%[6]s
     aws --endpoint-url %[1]s s3 cp README.md s3://%[6]s/

   with rclone:
     rclone --ca-cert %[2]s --s3-provider Other --s3-endpoint %[1]s \
       --s3-access-key-id %[3]s --s3-secret-access-key %[4]s \
       --s3-region %[5]s ls :s3:%[6]s

   with mc:
     mkdir -p ~/.mc/certs/CAs && cp %[2]s ~/.mc/certs/CAs/writ-demo.pem
     mc alias set writ-demo %[1]s %[3]s %[4]s
     mc ls --recursive writ-demo/%[6]s

   and to see who opened what:
     %[13]s --data %[7]s journal show --customer %[8]s
     curl -s http://%[9]s/metrics | grep ^writ_

   and to check, without believing the server:
     set -- --ca %[2]s --log-key %[11]s --policy %[12]s
     %[13]s verify log %[10]s "$@" --full
     %[13]s verify server %[10]s "$@" --unlogged
     WRIT_ACCESS_KEY=%[3]s WRIT_SECRET_KEY=%[4]s \
       %[13]s verify journal %[1]s --log %[10]s "$@"
`, c.Endpoint, c.CAFile, c.AccessKey, c.SecretKey, c.Region, s.clinic.bucket, s.data, s.clinic.name, s.at.Metrics,
		s.web(), s.pin("log.vkey"), s.pin("policy.txt"), s.Program)
	more, err := s.inviteCounsel()
	if err != nil {
		return err
	}
	text += more
	if more, err = s.invitePages(ctx); err != nil {
		return err
	}
	text += more
	fmt.Fprint(s.Out, text)
	if err := os.WriteFile(s.pin("your-turn.txt"), []byte(text), 0o600); err != nil {
		return fmt.Errorf("couldn't write a file: %w", err)
	}
	return nil
}

// inviteCounsel tells a reader how to look at the cases as counsel does. The
// token and the court's key lie in files of their own, for their owner only.
func (s *story) inviteCounsel() (string, error) {
	for name, text := range map[string]string{"counsel.token": s.people["mira"].token, "court.key": s.court.String()} {
		if err := os.WriteFile(s.pin(name), []byte(text+"\n"), 0o600); err != nil {
			return "", fmt.Errorf("couldn't write a file: %w", err)
		}
	}
	return fmt.Sprintf(`
   and the cases, as mira.lindqvist (counsel) sees them:
     export WRIT_TOKEN=$(cat %[3]s)
     %[1]s --data %[2]s case list
     %[1]s --data %[2]s case show %[4]s
     %[1]s --data %[2]s case events %[4]s
     %[1]s --data %[2]s case verify %[4]s
     %[1]s --data %[2]s custodian show

   and the package, as the court opens it:
     %[1]s package open %[5]s --identity %[6]s --into %[7]s
`, s.Program, s.data, s.pin("counsel.token"), s.secret, s.pin("court"), s.pin("court.key"), s.pin("bag")), nil
}

// invitePages tells a reader how to come in at a browser: as counsel, who invites
// herself with her token, and as a user of the customer's, whom the machine invites.
// The codes are good once, and die with the demo.
func (s *story) invitePages(ctx context.Context) (string, error) {
	var counsel api.Invited
	if err := s.desk("mira").Do(ctx, http.MethodPost, "invitations", api.InviteInput{Person: s.people["mira"].person}, &counsel); err != nil {
		return "", fmt.Errorf("couldn't invite counsel: %w", err)
	}
	user, err := s.admin.InviteUser(ctx, s.clinic.name, "cleo", false)
	if err != nil {
		return "", fmt.Errorf("couldn't invite a user of %s: %w", s.clinic.name, err)
	}
	// Passkeys take a name; an address has none.
	at := "https://" + strings.Replace(s.at.Web, "127.0.0.1", "localhost", 1)
	return fmt.Sprintf(`
   and the pages, in a browser (the certificate is of the demo's own authority: trust
   %[2]s there, or let the browser warn once):
     %[1]s/         what everybody sees
     %[1]s/enrol    as mira.lindqvist (counsel), with the code
                    %[3]s
     %[1]s/enrol    as cleo of %[5]s, in another window of its own (private), with the code
                    %[4]s
`, at, s.clinic.credential.CAFile, counsel.Secret, user.Secret, s.clinic.name), nil
}
