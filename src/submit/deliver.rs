//! A message from 354 to its final reply.

use std::time::Instant;

use super::body::{self, Body, Unfit};
use super::converse::{Ended, Submission, closing};
use super::legs::UpstreamLost;
use crate::lifecycle::UnderWay;
use crate::proto::Output;
use crate::proto::smtp::header::{HeaderFilter, Signature};
use crate::proto::smtp::{Envelope, Reply};

const INTERRUPTED: &str =
    "451 4.4.2 The connection to the mail provider broke; the message was not accepted, try again\r\n";

impl Submission<'_> {
    pub(super) async fn body(&mut self, go_ahead: &Output, envelope: &Envelope, asked: Instant) -> Result<(), Ended> {
        let under_way = self.busy.enter();
        self.say(go_ahead).await?;
        self.flush().await?;
        let lines = self.conversation.body_lines();
        let header = HeaderFilter::new(self.sender, self.settings.header_size);
        // Boxed, for most of a session's time there is no body.
        let bounds = (self.settings.message_size, self.settings.idle);
        let body = Box::pin(body::relay(&mut self.legs, &mut self.admission, lines, header, bounds)).await;
        let is_sent = matches!(body, Body::Sent { .. });
        // A stop does not wait for clients that are only seen off.
        let under_way = is_sent.then_some(under_way);
        if !is_sent {
            // Any command would be part of the message.
            self.legs.abandon();
        }
        match body {
            Body::Sent { size, signature } => {
                self.legs.relayed(size);
                self.sent(envelope, (size, signature), asked, under_way).await
            }
            Body::Lost(lost) => self.undelivered(envelope, lost).await,
            Body::Answered(reply) => self.answered(envelope, &reply).await,
            Body::Unfit(unfit) => {
                let answer = self.unfit(envelope, &unfit);
                self.say(&answer).await?;
                self.see_off().await;
                Err(Ended::Client("sent a message that cannot be forwarded".into()))
            }
            Body::Endless => {
                self.refused(envelope, "data", "far beyond the size limit");
                self.say(&"552 5.3.4 Message too large\r\n".into()).await?;
                Err(Ended::Client("sent a message without end".into()))
            }
            Body::ClientGone(fault) => {
                self.refused(envelope, "data", &format!("the client went away during the message: {fault}"));
                Err(Ended::Client(fault.to_string()))
            }
        }
    }

    /// The upstream has the message and its end. A stop waits until the client knows what became of it, or it would send it
    /// again.
    async fn sent(
        &mut self,
        envelope: &Envelope,
        sent: (u64, Signature),
        asked: Instant,
        under_way: Option<UnderWay>,
    ) -> Result<(), Ended> {
        let lost = match self.legs.reply(self.settings.end_of_data).await {
            Ok(reply) if matches!(reply.code() / 100, 2 | 4 | 5) => {
                return self.delivered(envelope, sent, &reply, asked).await;
            }
            Ok(reply) => UpstreamLost(format!("is out of step: {}", reply.text())),
            Err(lost) => lost,
        };
        drop(under_way);
        self.undelivered(envelope, lost).await
    }

    /// The upstream did not wait for the message's end.
    async fn answered(&mut self, envelope: &Envelope, reply: &Reply) -> Result<(), Ended> {
        self.refused(envelope, "data", &reply.text());
        // A yes before the end of data is none (law 1).
        let refusal = matches!(reply.code() / 100, 4 | 5);
        let usual = if refusal { Output::from(reply.raw()) } else { Output::from(INTERRUPTED) };
        let answer = self.slowed(reply).unwrap_or(usual);
        self.say(&answer).await?;
        self.see_off().await;
        Err(Ended::Upstream("answered before the message was complete".into()))
    }

    async fn delivered(
        &mut self,
        envelope: &Envelope,
        sent: (u64, Signature),
        reply: &Reply,
        asked: Instant,
    ) -> Result<(), Ended> {
        if reply.is_positive() {
            self.accepted(envelope, sent, reply, asked);
            self.admission.accepted();
            self.origin.messages += 1;
        } else {
            self.refused(envelope, "end-of-data", &reply.text());
        }
        let answer = self.slowed(reply).unwrap_or_else(|| reply.raw().into());
        self.say(&answer).await?;
        self.flush().await?;
        closing(reply)
    }

    /// The body went out, or part of it, and no final reply came: never a yes, and worth another try.
    async fn undelivered(&mut self, envelope: &Envelope, lost: UpstreamLost) -> Result<(), Ended> {
        self.legs.abandon();
        self.refused(envelope, "end-of-data", &format!("upstream {lost}"));
        self.say(&INTERRUPTED.into()).await?;
        self.see_off().await;
        Err(Ended::Upstream(lost.to_string()))
    }

    fn unfit(&self, envelope: &Envelope, unfit: &Unfit) -> Output {
        match unfit {
            Unfit::Fault(fault) => {
                self.refused(envelope, "data", &format!("{fault} in the message"));
                format!("550 5.6.11 {fault} in the message; lines must end in CRLF\r\n").into()
            }
            Unfit::TooLarge => {
                let limit = self.settings.message_size;
                self.refused(envelope, "data", &format!("larger than message_octets = {limit}"));
                format!("552 5.3.4 Message too large; the limit is {limit} octets\r\n").into()
            }
            Unfit::Sender(refusal) => {
                self.refused_sender("data", &envelope.from, refusal);
                refusal.reply()
            }
        }
    }

    /// The client has its answer, and the upstream leg is of no use any more.
    pub(super) async fn see_off(&mut self) {
        // Boxed, as all that a session does once at most: its future is there while it is idle.
        Box::pin(self.legs.see_off(&mut self.admission)).await;
    }
}
