package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

const description = `A key-value cache for one local network: start a node on each machine, they find each other, and what is set on one is read on all.

    covey                        run a node, on each machine
    covey set greeting hello     on any of them
    covey get greeting           on any other`

// grammar is the whole command line. Field tags are kong's; the struct of each verb is in its own file, with Run.
type grammar struct {
	Run     runVerb     `cmd:"" default:"withargs" help:"Run a node; covey alone does the same."`
	Get     getVerb     `cmd:"" help:"Print the value of a key."`
	Set     setVerb     `cmd:"" help:"Set a key to a value."`
	Del     delVerb     `cmd:"" help:"Delete keys."`
	Members membersVerb `cmd:"" help:"List the nodes that the asked node knows, itself included."`
	Info    infoVerb    `cmd:"" help:"Show figures of one node."`
	Verify  verifyVerb  `cmd:"" help:"Check that all members hold the same."`
	Bench   benchVerb   `cmd:"" help:"Measure how fast a node answers."`
	Secret  secretVerb  `cmd:"" help:"Make a secret for the nodes, or the password of one for clients."`
	Doctor  doctorVerb  `cmd:"" help:"Tell why nodes do not see each other, and what to do about it."`
	Version versionVerb `cmd:"" help:"Print the versions of the program, of Go and of the protocol."`
}

// process is what the outside gives to a call of the program.
type process struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	LookupEnv      func(string) (string, bool)
	Patience       time.Duration // how long a node may answer that it is loading before a verb gives up
}

// run carries out one command line and returns the exit status.
//
//  1. kong traces the arguments to a verb; covey alone is covey run.
//  2. Flags not given are resolved from COVEY_* variables, then from defaults.
//  3. The verb runs; its error becomes a sentence and a status.
func run(ctx context.Context, args []string, p *process) int {
	err := execute(ctx, args, p)
	if text := sentence(err); text != "" {
		fmt.Fprintf(p.Stderr, "covey: %s\n", shown(text))
	}
	return exitStatus(err)
}

func execute(ctx context.Context, args []string, p *process) error {
	variables := &environment{lookup: p.LookupEnv}
	line, err := parse(args, variables, p, new(grammar))
	if line == nil || err != nil {
		return err
	}
	line.BindTo(ctx, (*context.Context)(nil))
	line.Bind(p)
	err = line.Run()
	var f *failure
	if errors.As(err, &f) && f.status == exitUsage {
		return failf(exitUsage, "%s", variables.explain(f.sentence))
	}
	return err
}

// parse reads the arguments and the environment into g. It returns nil and no error when all there was to do was to
// show help.
func parse(args []string, variables *environment, p *process, g *grammar) (*kong.Context, error) {
	helped := false
	parser, err := kong.New(g,
		kong.Name("covey"),
		kong.Description(description),
		kong.Writers(p.Stdout, p.Stderr),
		kong.Exit(func(int) { helped = true }), // kong shows help, asks to leave, and then goes on parsing
		kong.Resolvers(variables),
		kong.KindMapper(reflect.String, kong.MapperFunc(anyBytes)),
		kong.KindMapper(reflect.Uint16, kong.MapperFunc(portNumber)),
		kong.KindMapper(reflect.Int, variables.keep(wholeNumber)),
		kong.KindMapper(reflect.Int64, variables.keep(wholeNumber)),
		kong.KindMapper(reflect.Uint64, variables.keep(wholeNumber)),
		kong.TypeMapper(reflect.TypeFor[size](), variables.keep(byteSize)),
		kong.TypeMapper(reflect.TypeFor[time.Duration](), variables.keep(span)),
		kong.TypeMapper(reflect.TypeFor[slog.Level](), kong.MapperFunc(logLevel)),
		kong.ValueFormatter(describe),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, FlagsLast: true, WrapUpperBound: 100}),
	)
	if err != nil {
		return nil, fmt.Errorf("the command line is not well defined: %w", err)
	}
	line, err := parser.Parse(flagsFirst(parser.Model, inGrammar(args)))
	switch {
	case errors.As(err, new(*fs.PathError)):
		return nil, err // help that could not be printed: no flag's value is looked for as a file here
	case helped:
		return nil, nil
	case err != nil:
		return nil, failf(exitUsage, "%s", usage(err, parser.Model.Children, args, variables))
	}
	if flag := strayFlag(line); flag != "" {
		return nil, failf(exitUsage, "--%s is a flag of `covey run`, not of `covey %s`; `covey %[2]s --help` shows what there is", flag, line.Selected().Name)
	}
	if flag := emptyFlag(line); flag != nil {
		return nil, failf(exitUsage, "%s", variables.explain(fmt.Sprintf("--%s has an empty value; give %s, or leave it out", flag.Name, flag.FormatPlaceHolder())))
	}
	return line, nil
}

// inGrammar translates what people type out of habit into the grammar: covey help get, and covey --version.
func inGrammar(args []string) []string {
	switch {
	case len(args) > 0 && args[0] == "help":
		return append(slices.Clone(args[1:]), "--help")
	case len(args) == 1 && args[0] == "--version":
		return []string{"version"}
	}
	return args
}

// usage turns kong's error into a sentence that ends with where to look.
func usage(err error, verbs []*kong.Node, args []string, variables *environment) string {
	verb := ""
	var wrong *kong.ParseError
	if errors.As(err, &wrong) && wrong.Context != nil && wrong.Context.Selected() != nil {
		verb = wrong.Context.Selected().Name
	}
	text := err.Error()
	argument, unexpected := strings.CutPrefix(text, "unexpected argument ")
	missing, expected := strings.CutPrefix(text, `expected "`)
	flag, _, ends := strings.Cut(text, ": expected ")
	switch {
	case unexpected && verb == "run" && !slices.Contains(args, verb):
		// run takes no argument, and was chosen for want of a verb.
		return fmt.Sprintf("there is no verb %q; `covey --help` shows what there is", argument)
	case expected && verb == "secret":
		text = "say what to make, new or password"
	case expected:
		text = strings.TrimSuffix(missing, `"`) + " is missing"
	case ends && (strings.HasSuffix(text, `but got "EOL" (<EOL>)`) || strings.Contains(text, `but got "--" (long flag)`)):
		text = flag + ": the value is missing"
	case ends && strings.Contains(text, "(short flag); perhaps try"):
		_, value, _ := strings.Cut(text, "but got ")
		value, _, _ = strings.Cut(value, " (short flag)")
		text = fmt.Sprintf("%s: %s is a flag; no value of this one begins with a hyphen", flag, value)
	case strings.HasPrefix(text, "unknown flag -") && slices.Contains([]string{"get", "set", "del"}, verb):
		text += "; put -- before a key or value that begins with a hyphen"
	case strings.HasPrefix(text, "unknown flag -") && verb == "":
		if at := slices.IndexFunc(args, func(a string) bool { return slices.ContainsFunc(verbs, func(v *kong.Node) bool { return v.Name == a }) }); at >= 0 {
			verb = args[at]
			text += fmt.Sprintf("; the flags of `covey %s` come behind these words", verb)
		}
	}
	if verb == "" && strings.HasPrefix(text, "--") {
		verb = "run" // whose flag it is
	}
	return fmt.Sprintf("%s; `%s --help` shows what there is", variables.explain(text), strings.TrimSpace("covey "+verb))
}

// strayFlag names a flag that stands before a verb which does not have it. kong accepts flags of the default verb, run, there.
func strayFlag(line *kong.Context) string {
	for _, part := range line.Path {
		if part.Flag == nil || part.Resolved || part.Flag.Name == "help" {
			continue
		}
		if !slices.Contains(line.Selected().Flags, part.Flag) {
			return part.Flag.Name
		}
	}
	return ""
}

// describe is a flag's help text with its environment variable.
func describe(v *kong.Value) string {
	if v.Flag == nil || v.Flag.Name == "help" {
		return v.Help
	}
	return fmt.Sprintf("%s [$%s]", v.Help, variable(v.Flag.Name))
}
