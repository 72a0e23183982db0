package loop

import (
	"fmt"
	"log/slog"
	"sync"

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

// lines bounds how many lines of one kind are logged: maxChangeLines at once, and one more each changeLineEvery. Safe for concurrent use.
type lines struct {
	mu     sync.Mutex
	spent  int64 // when maxChangeLines may be logged at once again, ns
	missed int   // lines that were not logged since the last one that was
}

// next reports whether one more line may be logged now, and how many were not logged before it.
func (l *lines) next(now int64) (said bool, missed int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	spent := max(l.spent, now) + int64(changeLineEvery)
	if spent > now+maxChangeLines*int64(changeLineEvery) {
		l.missed++
		return false, 0
	}
	l.spent = spent
	missed, l.missed = l.missed, 0
	return true, missed
}
