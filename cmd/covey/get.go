package main

import (
	"context"
	"errors"

	"covey/client"
)

type getVerb struct {
	nodeFlag
	outputFlag
	Raw bool   `help:"Print the value alone, without a newline."`
	Key string `arg:"" help:"The key."`
}

// valueReport is what covey get -o json prints; one of Value and Base64 is there when the key was found.
type valueReport struct {
	Key       *string `json:"key,omitempty"`        // a key that is UTF-8
	KeyBase64 *string `json:"key_base64,omitempty"` // any other
	Found     bool    `json:"found"`
	Value     *string `json:"value,omitempty"`        // a value that is UTF-8
	Base64    *string `json:"value_base64,omitempty"` // any other
}

// Help is the second part of `covey get --help`.
func (*getVerb) Help() string {
	return `Exit status 3 means that there is no such key.

Examples:

    covey get greeting
    covey get --raw picture > picture.png
    covey get greeting --addr 10.0.0.5:9000
    covey get -- --a-key-that-begins-with-hyphens`
}

// Run prints the value.
func (v *getVerb) Run(ctx context.Context, p *process) error {
	var value []byte
	err := v.ask(ctx, p, func(ctx context.Context, c *client.Client) (err error) {
		value, err = c.Get(ctx, []byte(v.Key))
		return err
	})
	if errors.Is(err, client.ErrNotFound) {
		if v.json() {
			if err := printJSON(p.Stdout, newValueReport(v.Key, nil, false)); err != nil {
				return err
			}
		}
		return failf(exitAbsent, "there is no key %q", v.Key)
	}
	if err != nil {
		return err
	}
	if v.json() {
		return printJSON(p.Stdout, newValueReport(v.Key, value, true))
	}
	if !v.Raw {
		value = append(value, '\n')
	}
	_, err = p.Stdout.Write(value)
	return err
}

func newValueReport(key string, value []byte, found bool) valueReport {
	r := valueReport{Found: found}
	r.Key, r.KeyBase64 = inJSON(key)
	if found {
		r.Value, r.Base64 = inJSON(value)
	}
	return r
}
