package demo

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"writ/internal/api"
	"writ/internal/printable"
)

// account is the transparency report of the year: a fold of the cases, which is
// refused when one of them contradicts itself.
func (s *story) account(ctx context.Context) error {
	year := time.Now().UTC().Year()
	text, err := s.report(ctx, year)
	if err != nil {
		return fmt.Errorf("couldn't make the report: %w", err)
	}
	lines := strings.Split(strings.TrimSpace(text), "\r\n")
	blamed, err := s.impossible(ctx, year-1)
	if err != nil {
		return err
	}
	s.say("The report of the year: a fold of these cases",
		fmt.Sprintf("writ report --from %d-01-01 --to %d-12-31 --layout github --table received-disclosed --format csv", year, year))
	for _, line := range lines {
		s.say("", "   | "+printable.Line(line))
	}
	s.say("", fmt.Sprintf("then an old case is imported for %d, a subpoena on which content is said to have gone out; that year's report is refused:", year-1),
		"   "+blamed)
	return nil
}

// report is a year's, one table of it.
func (s *story) report(ctx context.Context, year int) (string, error) {
	body, err := s.desk("mira").Report(ctx, api.ReportInput{
		From: fmt.Sprintf("%d-01-01", year), To: fmt.Sprintf("%d-12-31", year), Layout: "github", Table: "received-disclosed", Format: "csv",
	})
	if err != nil {
		return "", err
	}
	defer body.Close()
	text, err := io.ReadAll(io.LimitReader(body, 1<<20))
	return string(text), err
}

// impossible imports a historic case that cannot have been so, and returns how
// the report of its year is refused.
func (s *story) impossible(ctx context.Context, year int) (string, error) {
	line := fmt.Sprintf(`{"ref":"%[1]d/17","received":"%[1]d-03-08","agency":{"name":"District Court of New Arden","country":"US"},"instrument":"us.subpoena","matter":"criminal","accounts_specified":1,"closed":{"at":"%[1]d-03-20","outcome":"content","accounts_affected":1}}`, year)
	if _, err := s.desk("noor").Import(ctx, strings.NewReader(line+"\n")); err != nil {
		return "", fmt.Errorf("couldn't import: %w", err)
	}
	_, err := s.report(ctx, year)
	if err == nil {
		return "", errors.New("a report that cannot be true was made")
	}
	return strings.Join(strings.Fields(err.Error()), " "), nil
}
