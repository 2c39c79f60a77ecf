package wire

import "strings"

// texts allocates the strings of records. Short strings share a block of sharedTexts
// bytes: keeping one of them alive keeps its block alive, but never a whole record.
type texts struct{ shared strings.Builder }

const (
	sharedTexts = 512
	longText    = 64
)

func (t *texts) of(b []byte) string {
	if len(b) == 0 || len(b) > longText {
		return string(b)
	}
	if t.shared.Cap()-t.shared.Len() < len(b) {
		t.shared.Reset()
		t.shared.Grow(sharedTexts)
	}
	from := t.shared.Len()
	t.shared.Write(b)
	return t.shared.String()[from:]
}
