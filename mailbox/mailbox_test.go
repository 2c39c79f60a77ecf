package mailbox_test

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"pgregory.net/rapid"

	"github.com/growthgenius/growthgenius-go/internal/testkit"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

const from = "From ann@example.com Mon Jan  2 15:04:05 2006\n"

// crlf returns a text with the line ends of the protocol.
func crlf(text string) string { return strings.ReplaceAll(text, "\n", "\r\n") }

// all reads all mails, and the errors between them.
func all(mails iter.Seq2[*mailbox.Mail, error]) (found []*mailbox.Mail, errs []error) {
	for m, err := range mails {
		if err != nil {
			errs = append(errs, err)
			continue
		}
		found = append(found, m)
	}
	return found, errs
}

func readAll(t *testing.T, text string) []*mailbox.Mail {
	t.Helper()
	found, errs := all(mailbox.ReadMbox(strings.NewReader(text), "box"))
	if errs != nil {
		t.Fatal(errs)
	}
	return found
}

func subjects(mails []*mailbox.Mail) (all []string) {
	for _, m := range mails {
		all = append(all, m.Subject)
	}
	return all
}

func TestMail(t *testing.T) {
	t.Parallel()
	const text = "\n" + from + `Message-ID: <abc.123@mail.example.com>
Date: Tue, 19 Jan 2021 17:06:25 -0500 (EST)
From: =?utf-8?q?Ana_M=C3=BCller?= <ana@example.com>
To: Bob <bob@example.com>, "Lima, Carla" <carla@example.com>
Cc: undisclosed-recipients:;
Bcc: dan@example.com,, eve AT example, frank@example.com
Subject: =?iso-8859-1?Q?Gr=FC=DFe?=
 and more
Content-Type: multipart/mixed; boundary=outer

Not shown.
--outer
Content-Type: multipart/alternative; boundary="inner"

--inner
Content-Type: text/plain; charset=ISO-8859-1
Content-Transfer-Encoding: quoted-printable

Gr=FC=DFe,
From here on =
it goes on
--inner
Content-Type: text/html; charset=utf-8
Content-Transfer-Encoding: base64

PHA+R3LDvMOfZTwv
!cD4K
--inner--
--outer
Content-Type: text/plain
Content-Disposition: attachment; filename=a.txt

attached
--outer--
`
	for name, text := range map[string]string{"LF": text, "CRLF": crlf(text)} {
		found := readAll(t, text)
		if len(found) != 1 {
			t.Fatalf("%s: %d mails", name, len(found))
		}
		got := *found[0]
		if want := time.Date(2021, 1, 19, 22, 6, 25, 0, time.UTC); !got.Date.Equal(want) {
			t.Errorf("%s: Date %v, want %v", name, got.Date, want)
		}
		addresses := fmt.Sprint(got.From, got.To, got.Cc, got.Bcc)
		if want := "[=?utf-8?q?Ana_M=C3=BCller?= <ana@example.com>] [\"Bob\" <bob@example.com> \"Lima, Carla\" <carla@example.com>] [] [<dan@example.com> <frank@example.com>]"; addresses != want {
			t.Errorf("%s: addresses %s, want %s", name, addresses, want)
		}
		got.Date, got.From, got.To, got.Cc, got.Bcc = time.Time{}, nil, nil, nil, nil
		want := mailbox.Mail{
			Where: "box:2", MessageID: "abc.123@mail.example.com", Subject: "Grüße and more",
			Text: "Grüße,\nFrom here on it goes on", HTML: "<p>Grüße</p>\n",
		}
		if fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) {
			t.Errorf("%s: got %+v, want %+v", name, got, want)
		}
	}
}

// TestMails: only the separators of an mbox begin a mail.
func TestMails(t *testing.T) {
	t.Parallel()
	mailOf := func(separator, subject, body string) string {
		return separator + "\nSubject: " + subject + "\n\n" + body + "\n\n"
	}
	for name, separator := range map[string]string{
		"asctime": "From ann@example.com Mon Jan  2 15:04:05 2006", "without seconds": "From a Mon Jan 12 15:04 2006",
		"zone before the year": "From 178@xxx Tue Oct 12 08:05:17 +0000 2021", "zone after it": "From a@b Tue Oct 12 08:05:17 2021 -0500",
		"Thunderbird": "From - Tue Oct 12 08:05:17 2021", "a space in the sender": "From John Doe Tue Oct 12 08:05:17 2021",
	} {
		text := mailOf(separator, "one", "Hello") + mailOf(separator, "two", "Hello\n\nFrom here on it is text.\n\nFrom ann@example.com Mon Jan  2 15:04:05 2006\n\nNo header follows.") +
			mailOf(separator, "three", ">From the start\n>>From a reply\n> From no mark") + strings.TrimRight(mailOf(separator, "four", "end"), "\n") + "\n" + mailOf(separator, "five", "no blank line before")
		for _, text := range []string{text, crlf(text), strings.TrimRight(text, "\n")} {
			found := readAll(t, text)
			if got, want := fmt.Sprint(subjects(found)), "[one two three four five]"; got != want {
				t.Fatalf("%s: %s, want %s", name, got, want)
			}
			if got, want := found[1].Text, "Hello\n\nFrom here on it is text.\n\nFrom ann@example.com Mon Jan  2 15:04:05 2006\n\nNo header follows.\n"; got != want {
				t.Errorf("%s: the second one is %q, want %q", name, got, want)
			}
			if got, want := found[2].Text, "From the start\n>From a reply\n> From no mark\n"; got != want {
				t.Errorf("%s: the third one is %q, want %q", name, got, want)
			}
			if got := found[2].Where; got != "box:17" {
				t.Errorf("%s: the third one is at %s", name, got)
			}
		}
	}
}

// TestMboxRoundTrip: whatever the texts are, a file has the mails that were written to it.
func TestMboxRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		line := rapid.SampledFrom([]string{
			"", "", "Hello", "From here on", ">From me", ">>From them", strings.TrimSpace(from), "> quoted", "Subject: no header", "From: a@b.example",
		})
		bodies := rapid.SliceOfN(rapid.SliceOfN(line, 1, 12), 1, 6).Draw(t, "bodies")
		var text strings.Builder
		var want []string
		for i, lines := range bodies {
			fmt.Fprintf(&text, "%sSubject: %d\n\n", from, i)
			body := strings.Join(lines, "\n") + "\n"
			want = append(want, body)
			for line := range strings.Lines(body) {
				if strings.HasPrefix(strings.TrimLeft(line, ">"), "From ") {
					text.WriteByte('>')
				}
				text.WriteString(line)
			}
			text.WriteByte('\n')
		}
		found, errs := all(mailbox.ReadMbox(iotest.OneByteReader(strings.NewReader(text.String())), "box"))
		var got []string
		for i, m := range found {
			if m.Subject != fmt.Sprint(i) {
				t.Errorf("mail %d has the subject %s", i, m.Subject)
			}
			got = append(got, m.Text)
		}
		if errs != nil || !slices.Equal(got, want) {
			t.Errorf("got %q %v, want %q", got, errs, want)
		}
	})
}

// TestErrors: a mail that cannot be read is an error that says where it is, and those after it
// are read.
func TestErrors(t *testing.T) {
	t.Parallel()
	for want, bad := range map[string]string{
		"box:4: reading the header: ":                            "Subject: bad\n no: header\nthis is not a header\n\nHello\n",
		"box:4: reading the text: ":                              "Subject: bad\nContent-Type: text/plain; charset=klingon\n\nB\xf6dy\n",
		"box:4: reading the text: illegal base64":                "Subject: bad\nContent-Transfer-Encoding: base64\n\nSGVsbG8=SGVsb\n",
		"box:4: reading the text: unexpected EOF":                "Content-Type: multipart/mixed; boundary=x\n\n--x\nContent-Type: text/plain\n\ncut off\n",
		"box:4: reading the parts: ":                             "Content-Type: multipart/mixed; boundary=x\n\n--x\nno header\n\nHello\n--x--\n",
		"box:4: the parts of the mail are nested too deep":       nested(25),
		"box:4: the mail is larger than 64 MiB":                  "Subject: bad\n\n" + strings.Repeat(strings.Repeat("x", 1023)+"\n", 65<<10),
		"box:4: the mail is larger than 64 MiB (one line of it)": "Subject: bad\n\n" + strings.Repeat("x", 65<<20) + "\n",
	} {
		if testkit.Race && len(bad) > 1<<20 {
			continue // one goroutine reads it, slowly
		}
		want, _, _ = strings.Cut(want, " (")
		text := from + "Subject: one\n\n" + from + bad + "\n" + from + "Subject: three\n\n"
		found, errs := all(mailbox.ReadMbox(strings.NewReader(text), "box"))
		var one *mailbox.Error
		if len(errs) != 1 || !errors.As(errs[0], &one) || !strings.HasPrefix(errs[0].Error(), "mailbox: "+want) {
			t.Errorf("errors %v, want %s", errs, want)
		}
		if got := fmt.Sprint(subjects(found)); got != "[one three]" {
			t.Errorf("%s: the others are %s", want, got)
		}
	}
}

// nested returns a mail with parts in parts.
func nested(depth int) string {
	if depth == 0 {
		return "Content-Type: text/plain\n\nHello\n"
	}
	return fmt.Sprintf("Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n%s\n--b%d--\n", depth, depth, nested(depth-1), depth)
}

// TestUnreadable: what is not a mailbox, or breaks off, is an error that ends the mails.
func TestUnreadable(t *testing.T) {
	t.Parallel()
	broken := errors.New("the disk is broken")
	for name, from := range map[string]io.Reader{
		"this is not an mbox file": strings.NewReader("Subject: a mail alone\n\nHello\n"),
		broken.Error():             io.MultiReader(strings.NewReader(from+"Subject: one\n"), iotest.ErrReader(broken)),
	} {
		found, errs := all(mailbox.ReadMbox(from, "box"))
		var one *mailbox.Error
		if len(found) != 0 || len(errs) != 1 || errors.As(errs[0], &one) || !strings.HasPrefix(errs[0].Error(), "mailbox: box: "+name) {
			t.Errorf("%d mails, %v, want %s", len(found), errs, name)
		}
	}
	if found := readAll(t, "\n\n"); len(found) != 0 {
		t.Errorf("an empty file has %d mails", len(found))
	}
	if _, errs := all(mailbox.Read(filepath.Join(t.TempDir(), "none"))); len(errs) != 1 || !errors.Is(errs[0], fs.ErrNotExist) {
		t.Errorf("a file that does not exist: %v", errs)
	}
	if _, errs := all(mailbox.Read(t.TempDir())); len(errs) != 1 || !strings.Contains(errs[0].Error(), "is not a Maildir") {
		t.Errorf("a folder without mails: %v", errs)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func TestMaildir(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, subject := range map[string]string{
		"cur/1.a.host!2,RS": "one", "cur/2.b.host!2,": "two", "new/3.c.host": "three", "new/sub/4.d.host": "in a folder", "tmp/5.e.host": "being delivered",
	} {
		write(t, filepath.Join(dir, name), "Subject: "+subject+"\n\nHello\n")
	}
	write(t, filepath.Join(dir, "new", "0.bad"), "no header\n")
	found, errs := all(mailbox.Read(dir))
	if got := fmt.Sprint(subjects(found)); got != "[one two three]" {
		t.Errorf("%s", got)
	}
	if found[0].Flags != "RS" || found[1].Flags != "" || found[2].Flags != "" || found[0].Where != filepath.Join(dir, "cur", "1.a.host!2,RS") {
		t.Errorf("%+v %+v %+v", found[0], found[1], found[2])
	}
	if len(errs) != 1 || !strings.Contains(errs[0].Error(), filepath.Join("new", "0.bad")) {
		t.Errorf("errors %v", errs)
	}
}

// TestMaildirChanges: a mail that another program renames or deletes while the others are read
// is found under its new name, or left out.
func TestMaildirChanges(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for i := range 4 {
		write(t, filepath.Join(dir, "cur", fmt.Sprintf("%d.host!2,", i)), fmt.Sprintf("Subject: %d\n\n", i))
	}
	write(t, filepath.Join(dir, "new", "9.host"), "Subject: 9\n\n")
	var found []string
	for m, err := range mailbox.Read(dir) {
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, m.Subject+m.Flags)
		if len(found) == 1 {
			if err := errors.Join(
				os.Rename(filepath.Join(dir, "cur", "1.host!2,"), filepath.Join(dir, "cur", "1.host!2,S")), os.Remove(filepath.Join(dir, "cur", "2.host!2,")),
			); err != nil {
				t.Fatal(err)
			}
		}
	}
	if got := fmt.Sprint(found); got != "[0 1S 3 9]" {
		t.Error(got)
	}
}

// TestRead reads a file, and stops as soon as the loop does.
func TestRead(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "box")
	write(t, path, strings.Repeat(from+"Subject: one\n\n", 3))
	n := 0
	for m, err := range mailbox.Read(path) {
		if err != nil || m.Where != fmt.Sprintf("%s:%d", path, 1+3*n) {
			t.Errorf("%+v %v", m, err)
		}
		n++
		if n == 2 {
			break
		}
	}
}

// TestHeaders: headers of many programs.
func TestHeaders(t *testing.T) {
	t.Parallel()
	at := time.Date(2021, 1, 19, 17, 6, 25, 0, time.UTC)
	for _, tt := range []struct {
		header string
		want   func(m *mailbox.Mail) bool
	}{
		{"Message-ID: abc@example.com ", func(m *mailbox.Mail) bool { return m.MessageID == "abc@example.com" }},
		{"MESSAGE-ID:\n <abc@example.com> (comment)", func(m *mailbox.Mail) bool { return m.MessageID == "abc@example.com" }},
		{"X: y", func(m *mailbox.Mail) bool { return m.MessageID == "" && m.Date.IsZero() && m.From == nil }},
		{"Date: Tue Jan 19 17:06:25 2021", func(m *mailbox.Mail) bool { return m.Date.Equal(at) }},
		{"Date: Tue, 19 Jan 2021 17:06:25", func(m *mailbox.Mail) bool { return m.Date.Equal(at) }},
		{"Date: yesterday", func(m *mailbox.Mail) bool { return m.Date.IsZero() }},
		{"Subject: Gr\xfc\xdfe", func(m *mailbox.Mail) bool { return m.Subject == "Grüße" }},
		{"Subject: =?klingon?q?x?=", func(m *mailbox.Mail) bool { return m.Subject == "x" }},
		{"Subject: =?utf-8?z?x?=", func(m *mailbox.Mail) bool { return m.Subject == "=?utf-8?z?x?=" }},
		{"To: a@example.com\nTo: b@example.com", func(m *mailbox.Mail) bool { return len(m.To) == 2 && m.To[1].Address == "b@example.com" }},
		{"Content-Type: ;;;", func(m *mailbox.Mail) bool { return m.Text == "B\u00f6dy\n" }},
		{"Content-Type: multipart/mixed", func(m *mailbox.Mail) bool { return m.Text == "" }},
		{"Content-Type: application/pdf", func(m *mailbox.Mail) bool { return m.Text == "" && m.HTML == "" }},
		{"Content-Type: text/plain; charset=us-ascii", func(m *mailbox.Mail) bool { return m.Text == "B\u00f6dy\n" }},
	} {
		m := readAll(t, from+tt.header+"\n\nB\xf6dy\n")[0]
		if !tt.want(m) {
			t.Errorf("%s: %+v", tt.header, m)
		}
	}
}

// TestMissingEnd: a mail whose parts have no mark of the end is read as far as it goes.
func TestMissingEnd(t *testing.T) {
	t.Parallel()
	m := readAll(t, from+"Content-Type: multipart/mixed; boundary=x\n\n--x\n\nHello\n--x\nContent-Type: image/png\n\nxyz")[0]
	if m.Text != "Hello" {
		t.Errorf("%+v", m)
	}
}

func FuzzMbox(f *testing.F) {
	f.Add([]byte(from + "Subject: =?utf-8?b?SGVsbG8=?=\nFrom: a@b\n\nFrom here on\n" + from + "Content-Type: multipart/mixed; boundary=x\n\n--x\n\nHello\n--x--\n"))
	f.Add([]byte(from + nested(3)))
	f.Add([]byte(from + "\n\n>From \r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		n, separators := 0, strings.Count("\n"+string(data), "\nFrom ")
		for m, err := range mailbox.ReadMbox(strings.NewReader(string(data)), "box") {
			if (m == nil) == (err == nil) {
				t.Errorf("%+v %v", m, err)
			}
			n++
			if n > separators+1 {
				t.Fatalf("%d mails, %d separators at most", n, separators)
			}
		}
	})
}

func ExampleReadMbox() {
	const box = `From ann@example.com Mon Jan  2 15:04:05 2006
Message-ID: <1@example.com>
From: Ann <ann@example.com>
To: bob@example.com
Subject: Hello

From here on, all is well.
`
	for m, err := range mailbox.ReadMbox(strings.NewReader(box), "sent.mbox") {
		var one *mailbox.Error
		switch {
		case errors.As(err, &one):
			fmt.Println("skipped:", err) // the mails go on
		case err != nil:
			fmt.Println(err) // they do not
		default:
			fmt.Printf("%s (%s)\n%s", m.Subject, m.MessageID, m.Text)
		}
	}
	// Output:
	// Hello (1@example.com)
	// From here on, all is well.
}
