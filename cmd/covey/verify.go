package main

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"covey/client"
	"covey/codec"
)

type verifyVerb struct {
	nodeFlag
	outputFlag
}

// Help is the second part of `covey verify --help`.
func (*verifyVerb) Help() string {
	return `Compares the fingerprints of what every member held a few seconds ago. Exit status 3 means that they differ: while writes go on that passes by itself. Members that only peers of the asked node are linked with (covey members shows them via one) are not compared.

Examples:

    covey verify
    covey verify -o json
    until covey verify; do sleep 1; done`
}

// Run prints the verdict.
func (v *verifyVerb) Run(ctx context.Context, p *process) error {
	var r codec.VerifyReport
	err := v.ask(ctx, p, func(ctx context.Context, c *client.Client) (err error) {
		r, err = c.Verify(ctx)
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case v.json():
		err = printJSON(p.Stdout, r)
	case isTerminal(p.Stdout):
		_, err = fmt.Fprintln(p.Stdout, verdict(&r))
	default:
		t := &table{header: []string{"converged", "digest", "since", "members", "differing", "left_out", "unlinked"}}
		t.add(strconv.FormatBool(r.Converged), r.Digest, r.Since.Format(time.RFC3339Nano), strconv.Itoa(r.Members),
			strings.Join(r.Differing, ","), strconv.Itoa(r.LeftOut), strconv.Itoa(r.Unlinked))
		err = t.print(p.Stdout)
	}
	if err == nil && !r.Converged {
		return &failure{status: exitAbsent}
	}
	return err
}

// verdict says it to a person.
func verdict(r *codec.VerifyReport) string {
	since := r.Since.Local().Format("2006-01-02 15:04:05")
	out := ""
	if r.LeftOut > 0 {
		out = fmt.Sprintf("; %d of 65536 parts are not compared, for entries were evicted from them", r.LeftOut)
	}
	if r.Unlinked > 0 {
		out += fmt.Sprintf("; not compared: %d that only peers are linked with; ask one of these peers", r.Unlinked)
	}
	if r.Converged && r.Members == 1 {
		return fmt.Sprintf("converged: no other member is alive to differ from, digest %s%s", r.Digest, out)
	}
	if r.Converged {
		return fmt.Sprintf("converged: all %d members hold the same, digest %s, since %s%s", r.Members, r.Digest, since, out)
	}
	if len(r.Differing) == 0 {
		return fmt.Sprintf("not converged yet: %d members have nothing to compare before they have run for some seconds%s", r.Members, out)
	}
	return fmt.Sprintf("not converged: of %d members %s differ%s", r.Members, strings.Join(r.Differing, ", "), out)
}
