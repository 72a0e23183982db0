package main

import (
	"context"
	"fmt"
	"io"
	"time"

	"covey/client"
	"covey/codec"
)

type setVerb struct {
	nodeFlag
	outputFlag
	TTL   *time.Duration `name:"ttl" placeholder:"TIME" help:"Time to live, as in 500ms, 30s or 12h; without it the key stays."`
	Key   string         `arg:"" help:"The key."`
	Value string         `arg:"" help:"The value; - reads it from standard input, at most 16 MiB."`
}

// setReport is what covey set -o json prints.
type setReport struct {
	Key       *string `json:"key,omitempty"`        // a key that is UTF-8
	KeyBase64 *string `json:"key_base64,omitempty"` // any other
	Bytes     int     `json:"bytes"`                // of the value
}

// Help is the second part of `covey set --help`.
func (*setVerb) Help() string {
	return `Prints nothing when the key is set.

Examples:

    covey set greeting hello
    covey set token 12345 --ttl 30s
    covey set picture - < picture.png
    covey set -- temperature -5`
}

// Run sets the key.
func (v *setVerb) Run(ctx context.Context, p *process) error {
	var options client.SetOptions
	if v.TTL != nil {
		if options.TTL = *v.TTL; options.TTL <= 0 {
			return failf(exitUsage, "--ttl %v is no time to live; give one such as 30s, or leave it out", options.TTL)
		}
	}
	value := []byte(v.Value)
	if v.Value == "-" {
		var err error
		if value, err = readValue(ctx, p.Stdin); err != nil {
			return err
		}
	}
	err := v.ask(ctx, p, func(ctx context.Context, c *client.Client) error {
		return c.Set(ctx, []byte(v.Key), value, options)
	})
	if err == nil && v.json() {
		r := setReport{Bytes: len(value)}
		r.Key, r.KeyBase64 = inJSON(v.Key)
		err = printJSON(p.Stdout, r)
	}
	return err
}

// readValue reads standard input to its end. It gives up when ctx ends, and leaves the reading goroutine to the end of
// the process: a blocked read has no other.
func readValue(ctx context.Context, stdin io.Reader) (value []byte, err error) {
	type result struct {
		value []byte
		err   error
	}
	read := make(chan result, 1)
	go func() {
		value, err := io.ReadAll(io.LimitReader(stdin, codec.MaxValue+1))
		read <- result{value, err}
	}()
	select {
	case <-ctx.Done():
		return nil, ctx.Err()
	case r := <-read:
		if r.err != nil {
			return nil, fmt.Errorf("reading the value from standard input: %w", r.err)
		}
		if len(r.value) > codec.MaxValue {
			return nil, failf(exitUsage, "the value on standard input is longer than 16 MiB, the most that a node takes; split it")
		}
		return r.value, nil
	}
}
