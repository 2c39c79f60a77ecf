package growthgeniustest

import (
	"bytes"
	"net/http"
	"strconv"
)

// answer is what an endpoint says, before a fault gets at it. The body is in pieces so that long lists share the
// rendered rows instead of copying them.
type answer struct {
	status int
	header http.Header
	body   [][]byte
}

func (a answer) length() (n int) {
	for _, piece := range a.body {
		n += len(piece)
	}
	return n
}

func (a answer) ok() bool { return a.status >= 200 && a.status < 300 }

func jsonAnswer(status int, body ...[]byte) answer {
	return answer{status: status, header: http.Header{"Content-Type": {"application/json; charset=utf-8"}}, body: body}
}

// failure is an error answer. The reference documents no error body; {"error": "..."} is the plainest of those seen.
func failure(status int, message string) answer {
	return jsonAnswer(status, mustJSON(map[string]string{"error": message}))
}

// invalid is a 422 with the reasons by field.
func invalid(field string, reasons ...string) answer {
	return jsonAnswer(http.StatusUnprocessableEntity, mustJSON(map[string]map[string][]string{"errors": {field: reasons}}))
}

// envelope puts one record under its resource's name.
func (s *Server) envelope(t *table, rendered []byte) answer {
	if s.cfg.pluralEnvelopes {
		return jsonAnswer(http.StatusOK, []byte(`{"`+t.plural+`":[`), rendered, []byte(`]}`))
	}
	return jsonAnswer(http.StatusOK, []byte(`{"`+t.name+`":`), rendered, []byte(`}`))
}

// list puts records under their resource's plural, as an object left open for further fields.
func list(t *table, rendered [][]byte, wrapped bool) [][]byte {
	before, between, after := `{"`+t.plural+`":[`, `,`, `]`
	if wrapped {
		open := `{"` + t.name + `":`
		if len(rendered) > 0 {
			before, after = before+open, `}]`
		}
		between = `},` + open
	}
	body := make([][]byte, 0, 2*len(rendered)+2)
	body = append(body, []byte(before))
	comma := []byte(between)
	for i, row := range rendered {
		if i > 0 {
			body = append(body, comma)
		}
		body = append(body, row)
	}
	return append(body, []byte(after))
}

// head sends the status line and the headers, with the length of the whole body.
func (s *Server) head(w http.ResponseWriter, a answer) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	if a.status >= 200 && a.status != http.StatusNoContent && a.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(a.length()))
	}
	w.WriteHeader(a.status)
}

// send sends an answer as it is.
func (s *Server) send(w http.ResponseWriter, a answer) {
	s.head(w, a)
	for _, piece := range a.body {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}

// bytes is the body in one piece.
func (a answer) bytes() []byte { return bytes.Join(a.body, nil) }
