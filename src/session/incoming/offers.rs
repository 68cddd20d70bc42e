//! Offers of the peer's: each is planned, and accepted by a person or by the policy.

use super::places::Landing;
use super::{Asked, Incoming, Otherwise, PutOff, Theirs};
use crate::events::{Acting, Event, NAMES, Offered};
use crate::failure::sentences::{Side, failure_from};
use crate::files::acting::Place;
use crate::files::inbox::{Conflict, Inbox, Partial, Plan as FilePlan, Refusal, Rest};
use crate::files::name::FileName;
use crate::report::prompt;
use crate::session::effects::Effects;
use crate::session::plan::{Destination, Taking};
use crate::session::question::{Elsewhere, Offering, Question};
use crate::session::work::Work;
use pinhole_protocol::limits::FILE_CREDIT;
use pinhole_protocol::wire::{ItemId, ItemKind, Offer, Reason};

/// The reason for another folder where the output cannot take an offer.
const ONE_FILE: &str =
    "The other side offers a folder or several items, but the output takes a single file";

/// An offer as it would be received.
struct Planned {
    names: Vec<String>,
    /// Those by which programs act.
    acts: Acting,
    /// Items and their folder, but for an output.
    plan: Option<(FilePlan, Inbox)>,
}

impl Incoming {
    /// The peer offers files, while so many lines wait that the session is `full`, or not.
    pub(in crate::session) fn offered(&mut self, offer: Offer, full: bool) -> Effects {
        if self.is_put_off(full) {
            self.put_off.push_back(PutOff::Offer(offer, None));
            return Effects::none();
        }
        self.take_offer(offer)
    }

    pub(super) fn take_offer(&mut self, offer: Offer) -> Effects {
        let id = offer.item;
        let taking = match self.wanted(id) {
            Ok(taking) => taking,
            Err(refused) => return refused,
        };
        if matches!(taking.to, Destination::Output(_)) && !self.theirs.is_empty() {
            // Two transfers would mix their bytes.
            return self.refuse(id, Reason::NotWanted, None);
        }
        let bytes = offer.counted.then_some(offer.bytes);
        let theirs = Theirs::new(offer.clone(), bytes);
        self.theirs.insert(id, theirs);
        if let Destination::Output(_) = &taking.to {
            let one_file =
                matches!(offer.items.as_slice(), [item] if item.kind != ItemKind::Folder);
            if !one_file && self.can_ask_for_place() {
                let why = ONE_FILE.to_owned();
                return self.ask_for_place(offer, why, Vec::new(), Otherwise::Accept(taking));
            }
            let names = offer.items.iter().map(|item| item.name.raw().to_owned()).collect();
            let planned = Planned { names, acts: Acting::default(), plan: None };
            return self.consider(offer, taking, planned);
        }
        match self.planned(&taking, &offer) {
            Ok(planned) => self.consider(offer, taking, planned),
            Err(refusal @ Refusal { reason: Reason::NoSpace | Reason::Disk, .. })
                if self.can_ask_for_place() =>
            {
                let why = refusal.failure.detail.clone();
                let spare = match (refusal.reason, self.places.landing(&taking, &offer)) {
                    (Reason::NoSpace, Ok(Landing { inbox, .. })) => inbox.in_the_way(&offer),
                    _ => Vec::new(),
                };
                self.ask_for_place(offer, why, spare, Otherwise::Refuse(refusal))
            }
            Err(refusal) => self.refused(id, refusal),
        }
    }

    /// The plan of an offer's files in the folder that they go to.
    fn planned(&mut self, taking: &Taking, offer: &Offer) -> Result<Planned, Refusal> {
        // A text may have the name already.
        let rename = if let Destination::Folder(_, name) = &taking.to {
            name.clone().filter(|_| !self.places.name_used)
        } else {
            None
        };
        let landing = self.places.landing(taking, offer);
        let Landing { inbox, aside, set_aside, strict } =
            landing.map_err(|failure| Refusal { reason: Reason::Disk, failure })?;
        let plan = inbox.plan(offer, rename, self.terms.faithful)?;
        let plan = if self.terms.striping { plan.with_credit(FILE_CREDIT) } else { plan };
        let plan = match &aside {
            Some(private) => plan.beside(&inbox, private)?,
            None if strict => plan.strict(),
            None => plan,
        };
        if let Some(theirs) = self.theirs.get_mut(&offer.item) {
            theirs.set_aside = set_aside;
        }
        let (names, acts) = plan.names(&inbox);
        Ok(Planned { names, acts, plan: Some((plan, inbox)) })
    }

    /// Says what is offered, and accepts it if nobody has to be asked.
    fn consider(&mut self, offer: Offer, taking: Taking, planned: Planned) -> Effects {
        let id = offer.item;
        let Planned { mut names, acts, plan } = planned;
        let place = plan.as_ref().and_then(|(plan, inbox)| {
            let machine = inbox
                .machine()
                .filter(|place| place.takes_all() && !self.places.is_word(&taking, &offer));
            let folder = plan.folder().is_some_and(|name| inbox.acts_on(name, true));
            machine
                .map(Place::named)
                .or_else(|| folder.then_some("a folder with a name that programs act on"))
        });
        // Nobody works in a private directory.
        let at_work = plan.as_ref().is_some_and(|(_, inbox)| !inbox.is_private());
        // Whoever has said yes beforehand did not know of names by which programs act.
        let asked = taking.ask || taking.person && (at_work && !acts.is_empty() || place.is_some());
        let stream = offer.items.iter().any(|item| item.kind == ItemKind::Stream);
        let names_more = u32::try_from(names.len().saturating_sub(NAMES)).unwrap_or(u32::MAX);
        names.truncate(NAMES);
        let offered = Offered {
            id,
            names,
            names_more,
            size: (!stream).then_some(offer.bytes),
            count: (!stream).then_some(offer.entries),
            counted: offer.counted,
            acts,
            asked,
        };
        let effects = Effects::none().event(Event::Offer(offered.clone()));
        let taken: Vec<_> = plan
            .iter()
            .flat_map(|(plan, _)| plan.conflicts())
            .map(|item| (item.name.clone(), item.joins))
            .collect();
        if !asked && taken.is_empty() {
            return effects.and(self.accept(id, &taking, plan));
        }
        let into = plan.as_ref().map_or_else(
            || "standard output".to_owned(),
            |(plan, inbox)| {
                let path = inbox.path();
                let folder = plan.folder();
                let path =
                    folder.map_or_else(|| path.to_owned(), |folder| path.join(folder.as_os_str()));
                path.display().to_string()
            },
        );
        let question = Question::Offer(Offering { offered, into, place, taken });
        effects.and(self.ask(id, question, Asked::Offer(taking, plan)))
    }

    /// The person has said whether an offer is wanted, and what becomes of names that are taken.
    pub(super) fn offer_decided(
        &mut self,
        id: ItemId,
        taking: Taking,
        plan: Option<(FilePlan, Inbox)>,
        answers: Option<Vec<(FileName, prompt::Conflict)>>,
    ) -> Effects {
        let Some(answers) = answers else {
            let declined = failure_from(Reason::Declined, Side::Here);
            return self.refuse(id, Reason::Declined, Some(declined));
        };
        let plan = plan.map(|(mut plan, inbox)| {
            for (name, answer) in &answers {
                plan.resolve(name, conflict(*answer));
            }
            (plan, inbox)
        });
        self.accept(id, &taking, plan)
    }

    /// Asks the person here for another folder, because what is offered cannot be received where it
    /// would go; before that, to remove what is `spare` there.
    fn ask_for_place(
        &mut self,
        offer: Offer,
        why: String,
        spare: Vec<Partial>,
        otherwise: Otherwise,
    ) -> Effects {
        let Some(Taking { policy, .. }) = &self.taking else { return Effects::none() };
        let question = Question::Place(why, spare, *policy);
        self.ask(offer.item, question, Asked::Place(offer, otherwise))
    }

    /// The person has named another folder, made room, or done neither.
    pub(super) fn place_decided(
        &mut self,
        offer: Offer,
        otherwise: Otherwise,
        elsewhere: Elsewhere,
    ) -> Effects {
        let id = offer.item;
        match (elsewhere, otherwise) {
            (Elsewhere::Here, _) => {
                let effects = self.drop_theirs(id, Rest::Kept);
                effects.and(self.take_offer(offer))
            }
            (Elsewhere::There(inbox), _) => {
                // It is offered anew, there.
                let effects = self.drop_theirs(id, Rest::Kept);
                let to = self.taking.as_ref().map(|taking| &taking.to);
                let name = match to {
                    Some(Destination::Folder(_, name)) => name.clone(),
                    _ => None,
                };
                self.places.go_elsewhere(Destination::Folder(inbox, name));
                effects.and(self.take_offer(offer))
            }
            (Elsewhere::Nowhere, Otherwise::Accept(taking)) => self.accept(id, &taking, None),
            (Elsewhere::Nowhere, Otherwise::Refuse(refusal)) => self.refused(id, refusal),
        }
    }

    fn accept(&mut self, id: ItemId, taking: &Taking, plan: Option<(FilePlan, Inbox)>) -> Effects {
        // Withdrawn while the person here was thinking.
        let Some(theirs) = self.theirs.get(&id) else { return Effects::none() };
        if let Destination::Output(outlet) = &taking.to {
            let (offer, max_size) = (theirs.offer.clone(), taking.policy.max_size);
            return Effects::none().work(Work::Output(id, offer, max_size, outlet.clone()));
        }
        let Some((plan, inbox)) = plan else { return Effects::none() };
        self.places.name_used |= plan.items().iter().any(|item| item.chosen);
        Effects::none().work(Work::Begin(id, inbox, plan))
    }
}

/// The rule that an answer is.
pub(super) const fn conflict(answer: prompt::Conflict) -> Conflict {
    match answer {
        prompt::Conflict::Rename => Conflict::Rename,
        prompt::Conflict::Skip => Conflict::Skip,
        prompt::Conflict::Overwrite => Conflict::Overwrite,
        prompt::Conflict::Merge => Conflict::Merge,
    }
}
