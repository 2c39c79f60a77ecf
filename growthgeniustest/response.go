package growthgeniustest

import (
	"bytes"
	"net/http"
	"strconv"
)

// response is the response of an endpoint, before a fault changes it. Its body is in
// pieces, so that long lists share the rendered rows instead of copying them.
type response struct {
	status int
	header http.Header
	body   [][]byte
}

func (r response) length() (n int) {
	for _, piece := range r.body {
		n += len(piece)
	}
	return n
}

func (r response) ok() bool { return r.status >= 200 && r.status < 300 }

// bytes returns the body in one piece.
func (r response) bytes() []byte { return bytes.Join(r.body, nil) }

func jsonResponse(status int, body ...[]byte) response {
	header := http.Header{"Content-Type": {"application/json; charset=utf-8"}}
	return response{status: status, header: header, body: body}
}

// failure returns an error response. The reference documents no error body;
// {"error": "..."} is the simplest of the common ones.
func failure(status int, message string) response {
	return jsonResponse(status, mustJSON(map[string]string{"error": message}))
}

// invalid returns a 422 response with the reasons by field.
func invalid(field string, reasons ...string) response {
	body := map[string]map[string][]string{"errors": {field: reasons}}
	return jsonResponse(http.StatusUnprocessableEntity, mustJSON(body))
}

// envelope returns a response with one record under the name of its resource.
func (s *Server) envelope(t *table, rendered []byte) response {
	if s.cfg.pluralEnvelopes {
		return jsonResponse(http.StatusOK, []byte(`{"`+t.plural+`":[`), rendered, []byte(`]}`))
	}
	return jsonResponse(http.StatusOK, []byte(`{"`+t.name+`":`), rendered, []byte(`}`))
}

// list returns the pieces of a JSON object with records under the plural name of their
// resource. The object is left open, so that the caller can add further fields.
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

// writeHead writes the status line and the headers, with the length of the whole body.
func (s *Server) writeHead(w http.ResponseWriter, res response) {
	for name, values := range res.header {
		w.Header()[name] = values
	}
	if res.status >= 200 &&
		res.status != http.StatusNoContent && res.status != http.StatusNotModified {
		w.Header().Set("Content-Length", strconv.Itoa(res.length()))
	}
	w.WriteHeader(res.status)
}

// write writes a whole response.
func (s *Server) write(w http.ResponseWriter, res response) {
	s.writeHead(w, res)
	for _, piece := range res.body {
		if _, err := w.Write(piece); err != nil {
			return
		}
	}
}
