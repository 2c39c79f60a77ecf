package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/growthgenius/growthgenius-go"
	"github.com/growthgenius/growthgenius-go/bulk"
	"github.com/growthgenius/growthgenius-go/growthgeniustest"
	"github.com/growthgenius/growthgenius-go/ledger"
	"github.com/growthgenius/growthgenius-go/mailbox"
)

// sample is an mbox. A line of its first mail looks like the beginning of another one, and it has
// a copy of that mail from a mailing list.
const sample = `From dev@growthgenius.com Fri Jan 15 09:30:00 2021
Message-ID: <1@growthgenius.com>
Date: Fri, 15 Jan 2021 09:30:00 +0000
From: Okay Senior <dev@growthgenius.com>
To: "Byron, Ada" <ada@example.com>
Cc: charles@example.org
Subject: =?UTF-8?Q?Z=C3=BCrich?=

Hi Ada,

From here on, we meet in Zürich.

Okay

From dev@growthgenius.com Fri Jan 15 10:00:00 2021
Message-ID: <2@growthgenius.com>
Date: Fri, 15 Jan 2021 10:00:00 +0000
From: dev@growthgenius.com
To: Quinn <QUINN@example.com>
Subject: Tuesday

Shall we talk on Tuesday?

From list@growthgenius.com Fri Jan 15 09:31:00 2021
Message-ID: <1@growthgenius.com>
Date: Fri, 15 Jan 2021 09:30:00 +0000
From: Okay Senior <dev@growthgenius.com>
To: "Byron, Ada" <ada@example.com>
Subject: =?UTF-8?Q?[team]_Z=C3=BCrich?=

Hi Ada,

From here on, we meet in Zürich.

Okay
-- 
The list of the team

From ada@example.com Fri Jan 15 11:00:00 2021
Message-ID: <3@example.com>
Date: Fri, 15 Jan 2021 11:00:00 +0000
From: Ada Byron <ada@example.com>
To: dev@growthgenius.com
Subject: =?UTF-8?Q?Re:_Z=C3=BCrich?=

Fine.
`

// demo logs the sample twice in a server in memory that loses the response to one message.
func demo(ctx context.Context, o bulk.MessageOptions) (*summary, error) {
	server, err := growthgeniustest.Start()
	if err != nil {
		return nil, err
	}
	defer server.Close()
	server.AddContacts(
		growthgenius.Contact{FullName: "Ada Byron", Email: "ada@example.com"},
		growthgenius.Contact{FullName: "Quinn Starter", Email: "quinn@example.com"},
	)
	server.Inject(growthgeniustest.Fault{Method: "POST", Effect: growthgeniustest.Reset, Commit: true, Times: 1})
	client := server.Client(growthgenius.WithLedger(ledger.NewMemory()),
		growthgenius.WithReadBack(growthgenius.ReadBackPolicy{Settle: time.Second})) // this server shows messages at once
	fmt.Print("GROWTHGENIUS_API_KEY is not set: this is a server in memory, and a sample mailbox.\n\n")
	mails := func(yield func(*mailbox.Mail, error) bool) {
		mailbox.ReadMbox(strings.NewReader(sample), "sample.mbox")(yield)
	}
	if _, err = log(ctx, client, mails, o); err != nil {
		return nil, err
	}
	fmt.Print("\nThe same mailbox once more:\n\n")
	s, err := log(ctx, client, mails, o)
	if err != nil {
		return nil, err
	}
	fmt.Print("\nThe server has these messages, though a response was lost:\n\n")
	for _, m := range server.Messages() {
		fmt.Printf("to %s: %s\n    %s\n", m.ContactID, m.RenderedSubject, strings.ReplaceAll(m.RenderedCopy, "\n", "\n    "))
	}
	return s, nil
}
