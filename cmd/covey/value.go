package main

import (
	"encoding/base64"
	"errors"
	"fmt"
	"log/slog"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/alecthomas/kong"
)

// anyBytes gives a string the bytes of its argument or variable. kong's own way to a string leads through JSON, which
// puts U+FFFD in the place of what is not UTF-8.
func anyBytes(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("string")
	if err != nil {
		return err
	}
	target.SetString(token.String())
	return nil
}

// span reads a duration.
func span(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("duration")
	if err != nil {
		return err
	}
	d, err := time.ParseDuration(token.String())
	switch {
	case err == nil:
		target.SetInt(int64(d))
		return nil
	case isLonger(token.String()):
		return fmt.Errorf("%q is longer than the longest time, 2562047h (292 years)", token.String())
	}
	return fmt.Errorf("%q is not a time; write a number and a unit, as in 500ms, 30s or 12h", token.String())
}

// isLonger reports whether a text that is no duration would be one with smaller numbers.
func isLonger(text string) bool {
	_, err := time.ParseDuration(digits.ReplaceAllString(text, "1"))
	return err == nil
}

var digits = regexp.MustCompile("[0-9]+")

// wholeNumber reads a signed or an unsigned number; what it may be is left to whoever uses it.
func wholeNumber(ctx *kong.DecodeContext, target reflect.Value) (err error) {
	token, err := ctx.Scan.PopValue("number")
	if err != nil {
		return err
	}
	if target.CanUint() {
		var n uint64
		n, err = strconv.ParseUint(token.String(), 10, target.Type().Bits())
		target.SetUint(n)
	} else {
		var n int64
		n, err = strconv.ParseInt(token.String(), 10, target.Type().Bits())
		target.SetInt(n)
	}
	switch {
	case errors.Is(err, strconv.ErrRange):
		return fmt.Errorf("%q is more than a number here can be; give a smaller one", token.String())
	case err != nil:
		return fmt.Errorf("%q is not a whole number; give one such as 4", token.String())
	}
	return nil
}

// portNumber reads a port; whether 0 is one is left to whoever uses it.
func portNumber(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("port")
	if err != nil {
		return err
	}
	n, err := strconv.ParseUint(token.String(), 10, 16)
	if err != nil {
		return fmt.Errorf("%q is not a port; give a number from 1 to 65535", token.String())
	}
	target.SetUint(n)
	return nil
}

// logLevel reads a level of slog.
func logLevel(ctx *kong.DecodeContext, target reflect.Value) error {
	token, err := ctx.Scan.PopValue("level")
	if err != nil {
		return err
	}
	var level slog.Level
	if level.UnmarshalText([]byte(token.String())) != nil {
		return fmt.Errorf("%q is not a level; give debug, info, warn or error", token.String())
	}
	target.SetInt(int64(level))
	return nil
}

// peers is the value of a flag that may be repeated, and may list several with commas. kong's own lists lose an element
// that is empty.
type peers []string

// Decode is part of kong.MapperValue.
func (l *peers) Decode(ctx *kong.DecodeContext) error {
	token, err := ctx.Scan.PopValue("string")
	if err != nil {
		return err
	}
	*l = append(*l, strings.Split(token.String(), ",")...)
	return nil
}

// emptyFlag gives a flag whose value, or an element of it, is empty: most likely that of a shell's variable which is not
// set. No flag has a use for that, and to take it for a flag left out could run a node that is open to more than meant.
func emptyFlag(line *kong.Context) *kong.Flag {
	for _, part := range line.Path {
		if part.Flag == nil {
			continue
		}
		switch value := part.Flag.Target.Interface().(type) {
		case string:
			if value == "" {
				return part.Flag
			}
		case peers:
			if slices.Contains(value, "") {
				return part.Flag
			}
		}
	}
	return nil
}

// inJSON gives bytes as JSON can carry them, in one of two fields: as they are where they are UTF-8, else in base64.
func inJSON[T string | []byte](raw T) (text, encoded *string) {
	s := string(raw)
	if utf8.ValidString(s) {
		return &s, nil
	}
	s = base64.StdEncoding.EncodeToString([]byte(s))
	return nil, &s
}
