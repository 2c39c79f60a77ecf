package wire

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	"github.com/growthgenius/growthgenius-go/internal/redact"
)

// Problem is what an error response says about the error.
type Problem struct {
	Message string
	Code    string              // the API's code for the error; "" if it has none
	Fields  map[string][]string // what is wrong with which field; nil if it does not say
}

// maxProblem bounds the body that is decoded, and so what the texts of a Problem can
// hold.
const maxProblem = 64 << 10

// ReadProblem adds to p what the body of an error response says, and reports whether the
// body is a JSON object or string. The API does not document its error bodies, so all
// usual shapes are tried. A message or code that p has already is kept. All texts are
// printable.
func ReadProblem(body []byte, p *Problem) bool {
	if len(body) > maxProblem {
		return false
	}
	switch KindOf(body) {
	case KindObject:
		var doc map[string]any
		if Unmarshal(body, &doc) != nil {
			return false
		}
		p.read(doc)
		return true
	case KindText:
		var text string
		if Unmarshal(body, &text) != nil {
			return false
		}
		p.Message = cmp.Or(p.Message, redact.Printable(text))
		return true
	default:
		return false
	}
}

// The keys under which a code or a message may be, the best first.
var (
	codeKeys    = []string{"code", "type", "error_code"}
	messageKeys = []string{"message", "error_message", "error_description", "detail", "title"}
)

// read adds what a JSON object says about the error.
func (p *Problem) read(doc map[string]any) {
	for _, key := range codeKeys {
		if p.Code == "" {
			p.Code = scalar(doc[key])
		}
	}
	for _, key := range messageKeys {
		if p.Message == "" {
			p.Message = scalar(doc[key])
		}
	}
	for _, key := range []string{"error", "errors"} {
		switch v := doc[key].(type) {
		case map[string]any:
			if key == "error" {
				p.read(v)
				continue
			}
			for field, problem := range v {
				p.field(field, problem)
			}
		case []any:
			p.list(v)
		default:
			text, isText := v.(string)
			if text = redact.Printable(text); !isText || text == "" {
				continue // {"error":true,"message":"..."} has no code
			}
			if p.Message != "" && p.Code == "" {
				p.Code = text // {"error":"invalid_grant","error_description":"..."}
			} else if p.Message == "" {
				p.Message = text
			}
		}
	}
}

// list reads {"errors":[...]}: strings, or objects that may name their field.
func (p *Problem) list(items []any) {
	var texts []string
	for _, item := range items {
		object, ok := item.(map[string]any)
		if !ok {
			texts = append(texts, scalar(item))
			continue
		}
		var one Problem
		one.read(object)
		if field := scalar(object["field"]); field != "" {
			p.field(field, one.Message)
			continue
		}
		if p.Code == "" {
			p.Code = one.Code
		}
		texts = append(texts, one.Message)
	}
	texts = slices.DeleteFunc(texts, func(s string) bool { return s == "" })
	if p.Message == "" {
		p.Message = strings.Join(texts, "; ")
	}
}

// field adds a problem, or a list of them, to Fields.
func (p *Problem) field(name string, problem any) {
	problems, ok := problem.([]any)
	if !ok {
		problems = []any{problem}
	}
	for _, item := range problems {
		text := scalar(item)
		if object, ok := item.(map[string]any); ok {
			var one Problem
			one.read(object)
			text = one.Message
		}
		if text == "" {
			continue
		}
		if p.Fields == nil {
			p.Fields = map[string][]string{}
		}
		name = redact.Printable(name)
		p.Fields[name] = append(p.Fields[name], text)
	}
}

// scalar returns the text of a JSON string, number or boolean, and "" for anything else.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return redact.Printable(v)
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	case bool:
		return strconv.FormatBool(v)
	default:
		return ""
	}
}
