package generator

import (
	"bytes"
	"fmt"
	"math/rand/v2"

	"covey/codec"
)

const (
	keyPrefix = "key:"
	keyDigits = 12
)

// template is one formatted request and the place of its key's digits.
type template struct {
	bytes  []byte
	digits int
}

// templates are the two requests of a run.
type templates struct {
	get, set template
}

// newTemplates formats the requests of a plan. The value is made of the plan's seed, one for all keys, printable.
func newTemplates(p *Plan) templates {
	key := fmt.Appendf(nil, "%s%0*d", keyPrefix, keyDigits, 0)
	value := make([]byte, p.ValueBytes)
	random := rand.New(rand.NewPCG(p.Seed, 0))
	for i := range value {
		value[i] = 'a' + byte(random.Uint32N(26))
	}
	if p.Protocol == Binary {
		return templates{
			get: newTemplate(codec.AppendGetValue(nil, 0, codec.GetValue{Key: key})),
			set: newTemplate(codec.AppendSetValue(nil, 0, codec.SetValue{Key: key, Value: value})),
		}
	}
	return templates{
		get: newTemplate(codec.AppendCommand(nil, "GET", string(key))),
		set: newTemplate(codec.AppendCommand(nil, "SET", string(key), string(value))),
	}
}

// newTemplate finds the key in a request, where only a key can be first.
func newTemplate(request []byte) template {
	return template{bytes: request, digits: bytes.Index(request, []byte(keyPrefix)) + len(keyPrefix)}
}

// appendTo appends the request for key number n, below MaxKeyspace, to dst.
func (t *template) appendTo(dst []byte, n uint64) []byte {
	at := len(dst) + t.digits
	dst = append(dst, t.bytes...)
	digits := dst[at : at+keyDigits]
	for i := keyDigits - 1; i >= 0 && n > 0; i-- {
		digits[i] = '0' + byte(n%10)
		n /= 10
	}
	return dst
}
