package main

import (
	"context"
	"fmt"

	"covey/client"
)

type delVerb struct {
	nodeFlag
	outputFlag
	Keys []string `arg:"" name:"key" sep:"none" help:"The keys."`
}

// delReport is what covey del -o json prints.
type delReport struct {
	Deleted int `json:"deleted"` // of the keys given, those that were there
}

// Help is the second part of `covey del --help`.
func (*delVerb) Help() string {
	return `Prints how many of the keys were there. Exit status 3 means that none was.

Examples:

    covey del greeting
    covey del a b c`
}

// Run deletes the keys one by one: together they are no transaction.
func (v *delVerb) Run(ctx context.Context, p *process) error {
	deleted, next := 0, 0 // a retry goes on where the node began to say that it is loading
	err := v.ask(ctx, p, func(ctx context.Context, c *client.Client) error {
		for ; next < len(v.Keys); next++ {
			existed, err := c.Delete(ctx, []byte(v.Keys[next]))
			if err != nil {
				return err
			}
			if existed {
				deleted++
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	if v.json() {
		err = printJSON(p.Stdout, delReport{Deleted: deleted})
	} else {
		_, err = fmt.Fprintln(p.Stdout, deleted)
	}
	if err == nil && deleted == 0 {
		return &failure{status: exitAbsent}
	}
	return err
}
