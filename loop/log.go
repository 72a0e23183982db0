package loop

import (
	"fmt"
	"log/slog"

	"covey/ifaces"
)

// engineLog gives gnet's own messages to slog. They concern single connections, so they are
// for debugging; what ends the engine is reported by Run.
type engineLog struct{ log *slog.Logger }

func (e engineLog) Debugf(format string, args ...any) {}
func (e engineLog) Infof(format string, args ...any)  { e.debug(format, args) }
func (e engineLog) Warnf(format string, args ...any)  { e.debug(format, args) }
func (e engineLog) Errorf(format string, args ...any) { e.debug(format, args) }
func (e engineLog) Fatalf(format string, args ...any) {
	e.log.Error("engine failed", "message", fmt.Sprintf(format, args...))
}

func (e engineLog) debug(format string, args []any) {
	e.log.Debug("engine", "message", fmt.Sprintf(format, args...))
}

// logCards writes one line for each card whose verdict changed.
func (n *node) logCards(old, now []ifaces.Interface) {
	was := make(map[int]ifaces.Interface, len(old))
	for _, c := range old {
		was[c.Index] = c
	}
	for _, c := range now {
		o, known := was[c.Index]
		delete(was, c.Index)
		if known && ifaces.Equal([]ifaces.Interface{o}, []ifaces.Interface{c}) {
			continue
		}
		if c.Usable {
			n.log.Info("card in use", "card", c.Name, "addrs", cardAddrs(&c))
		} else {
			n.log.Info("card not in use", "card", c.Name, "reason", c.Reason)
		}
	}
	for _, o := range was {
		n.log.Info("card is gone", "card", o.Name)
	}
}

func cardAddrs(c *ifaces.Interface) string {
	s := ""
	for i, a := range c.Addrs {
		if i > 0 {
			s += " "
		}
		s += a.Prefix.String()
	}
	return s
}
