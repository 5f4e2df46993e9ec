using Akka.Actor;
using DistTrain.Coordinator.Standby;
using DistTrain.Protocol;
using DistTrain.Worker.Node;

namespace DistTrain.Tests.Coordinator.Standby;

/// <summary>What the processes do.</summary>
internal sealed partial class TwoReignsModel
{
    private abstract class Node(TwoReignsModel model)
    {
        protected TwoReignsModel Model => model;

        /// <summary>On a clock of its own, a little wrong.</summary>
        protected ManualTime Clock { get; } = new(1 + ((model.random.NextDouble() - 0.5) * 0.04), model.time);

        public int Process { get; protected set; }

        public virtual bool IsUp => true;

        public TimeSpan HaltedUntil { get; set; }

        public abstract void Restart();

        protected abstract TimeSpan Period { get; }

        protected abstract void OnTurn();

        public void Turn()
        {
            if (HaltedUntil <= model.time.Elapsed && IsUp) OnTurn();
            model.After(Period.TotalSeconds, Turn);
        }

        protected TimeSpan Now => Clock.GetElapsedTime(1);

        protected void Send(Node to, Action<Node> deliver) => model.Send(this, to, deliver);
    }

    private sealed class PrimaryNode : Node
    {
        private static readonly Guid Folder = Guid.NewGuid();
        private readonly Dictionary<Node, Address> addresses = [];
        private Guid job;
        private long standbyLife;
        private bool dead;

        public PrimaryNode(TwoReignsModel model) : base(model) => Begin(null);

        public StandbyRule Rule { get; private set; } = null!;

        public Term Term { get; private set; }

        public override bool IsUp => !dead && !Rule.Deposed.IsCancellationRequested;

        protected override TimeSpan Period => Detection / 4;

        public void Die() => dead = true;

        /// <summary>Another process goes on from the folder, which says whether there was a standby.</summary>
        public override void Restart()
        {
            dead = false;
            Begin(Rule.Known);
        }

        private void Begin(StandbyRecord? before)
        {
            Process++;
            (job, standbyLife, Term) = (Guid.NewGuid(), 0, new Term(Term.Value + 1));
            Rule = new StandbyRule(Line, before, Clock);
        }

        protected override void OnTurn()
        {
            Rule.Look();
            var (job, term, life) = (this.job, Term, standbyLife);
            if (Rule.IsUnsure) Send(Model.standby, _ => Model.standby.OnAsked());
            if (standbyLife == 0) return;
            var members = Rule.Propose();
            Send(Model.standby, _ => Model.standby.OnMembers(job, term, life, members.Number, [.. members.Members]));
        }

        public void OnHello()
        {
            var (job, term) = (this.job, Term);
            Send(Model.standby, _ => Model.standby.OnOffer(job, term));
        }

        public void OnAccepted(Guid which, long life)
        {
            if (which != job || life <= standbyLife) return;
            standbyLife = life;
            Rule.Void(new StandbyRecord(Line, Folder, "there"));
        }

        public void OnTaken(Guid which, long life, long members)
        {
            if (which == job && life == standbyLife) Rule.Taken(members);
        }

        public void OnReigns(Term term)
        {
            if (Rule.IsUnsure || term.CompareTo(Term) > 0) Rule.Depose(term, "there");
        }

        public void OnWorkerHello(WorkerNode worker)
        {
            var term = Term;
            if (!Rule.IsUnsure) Send(worker, _ => worker.OnOffer(this, term));
        }

        public void OnPing(WorkerNode worker, Nodes.Ping ping, int process, Term term)
        {
            if (term != Term) return;
            Rule.Heard(addresses[worker] = new Address("akka.tcp", "worker", $"{Model.nodes.IndexOf(worker)}", process), ping);
            long beat = Rule.Beat();
            Send(worker, _ => worker.OnPong(this, beat, process));
        }

        public void OnLost(WorkerNode worker)
        {
            if (addresses.TryGetValue(worker, out var address)) Rule.Lost(address);
        }
    }

    private sealed class StandbyNode(TwoReignsModel model) : Node(model)
    {
        private Candidacy candidacy = new(new Term(0));
        private Guid job;
        private Term reigning;
        private long life;
        private bool accepted;
        private TimeSpan heard;

        public bool Elected { get; private set; }

        protected override TimeSpan Period => Detection / 4;

        public override void Restart()
        {
            // What it reigned over is no matter of this model.
            if (Elected) return;
            Process++;
            candidacy = new Candidacy(new Term(0));
            accepted = false;
        }

        protected override void OnTurn()
        {
            if (Elected) return;
            bool silent = Now - heard > Detection;
            if (!accepted || silent) Send(Model.primary, _ => Model.primary.OnHello());
            if (accepted && silent) candidacy.Ask(reigning);
        }

        public void OnOffer(Guid which, Term term)
        {
            if (Elected) return;
            if (accepted && which != job)
            {
                candidacy = new Candidacy(candidacy.LastAsked);
                accepted = false;
                return;
            }
            if (!accepted) (accepted, job, reigning, heard, life) = (true, which, term, Now, life + 1);
            var (told, number) = (job, life);
            Send(Model.primary, _ => Model.primary.OnAccepted(told, number));
        }

        public void OnMembers(Guid which, Term term, long told, long number, Guid[] members)
        {
            if (Elected)
            {
                if (term.CompareTo(candidacy.LastAsked) < 0) OnAsked();
                return;
            }
            if (!accepted || which != job || told != life) return;
            heard = Now;
            candidacy.Take(number, members);
            Send(Model.primary, _ => Model.primary.OnTaken(which, told, number));
        }

        public void OnAsked()
        {
            var term = candidacy.LastAsked;
            if (Elected) Send(Model.primary, _ => Model.primary.OnReigns(term));
        }

        public void OnWorkerHello(WorkerNode worker, Guid line, Term promised)
        {
            if (Elected)
            {
                var reign = candidacy.LastAsked;
                Send(worker, _ => worker.OnOffer(this, reign));
            }
            else if (candidacy.Asking is { } term && line == Line)
            {
                Send(worker, _ => worker.OnCampaign(term));
            }
            else if (promised.Value > 0)
            {
                Send(worker, _ => worker.OnReleased(promised));
            }
        }

        public void OnPromise(Term term, Guid worker)
        {
            if (Elected) return;
            candidacy.Hear(term, worker);
            Elected = candidacy.IsElected;
        }
    }

    private sealed class WorkerNode : Node
    {
        private Allegiance allegiance;
        private Node? leader;
        private Term followed;
        private TimeSpan heard;
        private long beat;

        public WorkerNode(TwoReignsModel model) : base(model) => allegiance = new Allegiance(Clock);

        protected override TimeSpan Period => Patience / 4;

        public override void Restart()
        {
            Process++;
            (allegiance, leader) = (new Allegiance(Clock), null);
        }

        protected override void OnTurn()
        {
            if (leader is not null && Now - heard > Patience)
            {
                // Now and then the primary's failure detector says so too.
                Send(Model.primary, _ => Model.primary.OnLost(this));
                (leader, beat) = (null, 0);
            }
            var (line, promised, process, term) = (allegiance.Line, allegiance.Promised, Process, followed);
            if (leader is null)
            {
                Send(Model.primary, _ => Model.primary.OnWorkerHello(this));
                Send(Model.standby, _ => Model.standby.OnWorkerHello(this, line, promised));
            }
            else if (leader is PrimaryNode)
            {
                var ping = new Nodes.Ping(default, "", allegiance.Process, beat, (int)Patience.TotalMilliseconds);
                Send(Model.primary, _ => Model.primary.OnPing(this, ping, process, term));
            }
            else
            {
                heard = Now;
            }
        }

        public void OnOffer(Node from, Term term)
        {
            if (leader is not null || !allegiance.TryFollow(Line, term, from is PrimaryNode ? "primary" : "standby")) return;
            (leader, followed, heard, beat) = (from, term, Now, 0);
        }

        public void OnPong(Node from, long said, int process)
        {
            if (leader != from || process != Process) return;
            (heard, beat) = (Now, said);
            allegiance.Hold(Patience);
        }

        public void OnCampaign(Term term)
        {
            if (leader is not null || !allegiance.TryPromise(Line, term, "standby")) return;
            var worker = allegiance.Process;
            Send(Model.standby, _ => Model.standby.OnPromise(term, worker));
        }

        public void OnReleased(Term term) => allegiance.Release(Line, term, "standby");
    }
}
