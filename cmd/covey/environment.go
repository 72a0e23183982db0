package main

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/alecthomas/kong"
)

// environment gives flags that are not on the command line the value of their variable. An empty variable is an unset
// one. Flags that may be repeated take a comma-separated list.
//
// kong has environment variables of its own, but reads those of the real process only.
type environment struct {
	lookup  func(string) (string, bool)
	used    map[string]string // flag name to the variable it came from
	written map[string]string // flag name to what was given for a number, there or on the command line
}

// variable is the environment variable of a flag: COVEY_MAX_MEMORY for max-memory.
func variable(flag string) string {
	return "COVEY_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Validate is part of kong.Resolver; every set of variables is valid.
func (e *environment) Validate(*kong.Application) error { return nil }

// Resolve is part of kong.Resolver: nil when the flag's variable is not set.
func (e *environment) Resolve(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
	if flag.Name == "help" {
		return nil, nil
	}
	name := variable(flag.Name)
	value, set := e.lookup(name)
	if !set || value == "" {
		return nil, nil
	}
	if e.used == nil {
		e.used = make(map[string]string)
	}
	e.used[flag.Name] = name
	return value, nil
}

// keep is the mapper of a number that notes how it was written: an error is to repeat 4m, not 4194304. Defaults, which kong maps after
// the command line, are not noted: none is an error.
func (e *environment) keep(m kong.MapperFunc) kong.MapperFunc {
	return func(ctx *kong.DecodeContext, target reflect.Value) error {
		if flag, text := ctx.Value.Flag, ctx.Scan.Peek().String(); flag != nil && text != flag.Default {
			if e.written == nil {
				e.written = make(map[string]string)
			}
			e.written[flag.Name] = text
		}
		return m(ctx, target)
	}
}

// explain makes a usage error quote the value of a flag as it was written, and say if it came from the environment.
func (e *environment) explain(text string) string {
	text = e.quote(text)
	for flag, name := range e.used {
		if strings.HasPrefix(text, "--"+flag+" ") || strings.HasPrefix(text, "--"+flag+":") || strings.HasPrefix(text, "--"+flag+"=") {
			return fmt.Sprintf("%s (the value is that of $%s)", text, name)
		}
	}
	return text
}

// quote replaces the number at the start of an error about a flag (--max-memory 4194304: give more) by what was written.
func (e *environment) quote(text string) string {
	flag, rest, _ := strings.Cut(text, " ")
	written, known := e.written[strings.TrimPrefix(flag, "--")]
	end := strings.IndexAny(rest, ": ")
	if !known || end < 0 {
		return text
	}
	return flag + " " + written + rest[end:]
}
