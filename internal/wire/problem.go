package wire

import (
	"cmp"
	"encoding/json"
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

// IsOwnNotFound reports whether the body of a 404 can be the API's own: a JSON object with
// no other keys than the shapes of an error that an API of its kind has ("error", "errors",
// "message" or "error_message"), which says more than the status and is not about the
// address of the request. Gateways, proxies and other products respond to an address that
// they do not know with text, nothing, or JSON with keys or texts of their own.
func IsOwnNotFound(body []byte) bool {
	var doc map[string]json.RawMessage
	if len(body) > maxProblem || KindOf(body) != KindObject || Unmarshal(body, &doc) != nil {
		return false
	}
	var inner map[string]json.RawMessage
	_ = Unmarshal(doc["error"], &inner) // fails unless it is an object
	if !onlyKeys(doc, "error", "errors", "message", "error_message") || !onlyKeys(inner, "type", "code", "message") {
		return false
	}
	var p Problem
	if !ReadProblem(body, &p) || p.Message == "" && p.Code == "" && len(p.Fields) == 0 {
		return false
	}
	text := strings.ToLower(p.Message)
	words := strings.FieldsFunc(text, func(r rune) bool { return r < 'a' || r > 'z' })
	if len(p.Fields) == 0 && isStatusText(words) && isStatusText(strings.Fields(strings.ToLower(p.Code))) {
		return false
	}
	return !strings.Contains(" "+text, " /") &&
		!slices.ContainsFunc(words, func(word string) bool { return slices.Contains(addressWords, word) })
}

// isStatusText reports whether the words say no more than the status 404.
func isStatusText(words []string) bool {
	return !slices.ContainsFunc(words, func(word string) bool {
		return !slices.Contains([]string{"not", "found", "error", "not_found", "notfound", "404"}, word)
	})
}

// addressWords are in the message of a 404 that is about the address of the request, or
// about what a gateway would have passed the request to.
var addressWords = []string{
	"route", "endpoint", "path", "url", "uri", "page", "authentication", "upstream", "backend",
	"host", "gateway", "proxy", "service", "application", "app", "resource", "operation",
}

func onlyKeys(object map[string]json.RawMessage, keys ...string) bool {
	for key := range object {
		if !slices.Contains(keys, key) {
			return false
		}
	}
	return true
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
