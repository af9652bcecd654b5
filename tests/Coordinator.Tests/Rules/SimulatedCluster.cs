using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>
/// Workers that keep to their side of the protocol, on one fake clock: they join, train in step, keep records until they are
/// acknowledged, and are killed at random. What one round of the clock does is half a second.
/// </summary>
internal sealed class SimulatedCluster(RunSpec spec, int remote, int lastStep, Random random)
{
    private readonly List<Worker> _workers = [.. Enumerable.Range(0, spec.LocalWorkers + remote).Select(slot => new Worker(slot, slot < spec.LocalWorkers))];
    private DateTimeOffset _now = RunScript.Start;

    public RunState State { get; private set; } = RunState.Create(spec, resumedFrom: null, RunScript.Start);

    public RunOutcome? Outcome { get; private set; }

    /// <summary>Steps in the ledger; those that a later generation undid are gone.</summary>
    public List<long> Ledger { get; } = [];

    public int Gaps { get; private set; }

    /// <param name="killing">Whether processes, and the coordinator, die in this round with some probability.</param>
    public void Round(bool killing)
    {
        _now += TimeSpan.FromSeconds(0.5);
        foreach (var worker in _workers)
        {
            // A local process that ends before it was given a place is a wrong setup, of which a run may die.
            if (killing && worker.IsAlive && (!worker.IsLocal || worker.WasPlaced) && random.Next(60) == 0)
            {
                Kill(worker);
            }
            else if (!worker.IsAlive && !worker.IsLocal && random.Next(20) == 0)
            {
                worker.Renew();
            }

            if (worker.IsAlive)
            {
                Act(worker);
            }
        }

        Train(killing);
        if (killing && random.Next(200) == 0)
        {
            RestartCoordinator();
        }

        Send(new RunMessage.Tick());
    }

    private void Kill(Worker worker)
    {
        worker.End();
        if (worker.IsLocal)
        {
            Send(new RunMessage.WorkerExited(worker.Id, 137, []));
        }
    }

    private void Act(Worker worker)
    {
        if (worker.Assignment is null)
        {
            var join = RunScript.JoinRequest(worker.Slot, worker.Start) with { HeldStep = worker.Step, LeftGeneration = worker.Left, Reason = worker.Reason };
            Take(worker, Send(new RunMessage.Join(join)));
        }
        else if (worker.Step == lastStep)
        {
            if (worker.Assignment.Rank == 0)
            {
                Send(new RunMessage.Checkpointed(new CheckpointWritten(worker.Id, lastStep, "last")));
            }

            Take(worker, Send(new RunMessage.Report(new WorkerReport(worker.Id, worker.Incarnation, worker.Assignment.Generation, WorkerOutcome.Completed, lastStep, null))));
        }

        if (!worker.IsAlive)
        {
            return;
        }

        var generation = worker.Assignment?.Generation ?? worker.Left;
        var records = worker.Unacknowledged.Where(record => worker.Assignment?.Rank == 0 || record.Generation < (worker.Assignment?.Generation ?? int.MaxValue)).ToList();
        var reply = Send(new RunMessage.Beat(new Heartbeat(worker.Id, worker.Incarnation, generation, worker.Step ?? 0, records, [])));
        var answer = ((RunReply.HeartbeatReply)reply).Answer;
        worker.Unacknowledged.RemoveAll(record => record.Metrics.Step <= answer.RecordedStep);
        worker.WantsRegroup = answer.Directive == Directive.Regroup;
        if (answer.Directive == Directive.Rejoin)
        {
            worker.Leave("told to");
        }
    }

    /// <summary>All ranks of a generation take a step together; when one is missing, others notice sooner or later.</summary>
    private void Train(bool killing)
    {
        foreach (var group in _workers.Where(worker => worker.Assignment is not null).GroupBy(worker => worker.Assignment!.Generation).ToList())
        {
            var ranks = group.ToList();
            if (ranks.Count < ranks[0].Assignment!.WorldSize || !ranks.TrueForAll(worker => worker.IsAlive))
            {
                foreach (var worker in ranks.Where(worker => worker.IsAlive && random.Next(4) == 0))
                {
                    worker.Leave("connection closed by peer");
                }
            }
            else if (ranks.Exists(worker => worker.Step != ranks[0].Assignment!.StartStep && worker.IsNew))
            {
                // The state goes from its source to all; nobody goes on before all have it.
                foreach (var worker in ranks)
                {
                    worker.Step = worker.Assignment!.StartStep;
                }
            }
            else if (ranks.Exists(worker => worker.WantsRegroup))
            {
                ranks.ForEach(worker => worker.Leave(reason: null));
            }
            else if (ranks[0].Step < lastStep)
            {
                Commit(ranks, killing);
            }
        }
    }

    private void Commit(List<Worker> ranks, bool killing)
    {
        var step = ranks[0].Step!.Value + 1;
        var breaksHalfway = killing && random.Next(40) == 0;
        foreach (var worker in ranks.Where(_ => !breaksHalfway || random.Next(2) == 0))
        {
            worker.Step = step;
            worker.IsNew = false;
            worker.Unacknowledged.Add(RunScript.Record(step, worker.Assignment!.Generation));
        }

        if (breaksHalfway)
        {
            Kill(ranks[random.Next(ranks.Count)]);
        }
        else if (step % 7 == 0 && ranks.Find(worker => worker.Assignment!.Rank == 0) is { } first)
        {
            Send(new RunMessage.Checkpointed(new CheckpointWritten(first.Id, step, $"step-{step}")));
        }
    }

    /// <summary>Local workers die with the coordinator, and it starts them again; remote ones go on.</summary>
    private void RestartCoordinator()
    {
        State = JsonSerializer.Deserialize(RunScript.Json(State), CoordinatorJson.Default.RunState)!;
        Send(new RunMessage.CoordinatorRestarted(Ledger.Count > 0 ? Ledger[^1] : 0));
        foreach (var worker in _workers.Where(worker => worker.IsLocal))
        {
            worker.Renew();
        }
    }

    private void Take(Worker worker, RunReply reply)
    {
        worker.IsHeld = reply is RunReply.Held;
        switch (reply)
        {
            case RunReply.Assigned { Assignment: var place } when worker.Assignment is null:
                worker.Enter(place);
                break;
            case RunReply.Directed { Directive: Directive.Rejoin }:
                worker.Leave("told to");
                break;
            case RunReply.Directed { Directive: Directive.SaveAloneAndExit }:
                Send(new RunMessage.Checkpointed(new CheckpointWritten(worker.Id, worker.Step!.Value, "saved")));
                Kill(worker);
                break;
            case RunReply.Directed or RunReply.Refused:
                Kill(worker);
                break;
        }
    }

    private RunReply Send(RunMessage message)
    {
        var result = RunMachine.Handle(State, message, _now);
        State = result.State;
        foreach (var effect in result.Effects)
        {
            switch (effect)
            {
                case RunEffect.Answer answer when _workers[RunScript.Slot(answer.WorkerId)] is { IsHeld: true } asker:
                    Take(asker, answer.Reply);
                    break;
                case RunEffect.KillWorker kill when _workers[RunScript.Slot(kill.WorkerId)] is { IsAlive: true, IsLocal: true } hanging:
                    Kill(hanging);
                    break;
                case RunEffect.StartWorker start:
                    _workers[RunScript.Slot(start.WorkerId)].Renew();
                    break;
                case RunEffect.RecordGeneration { Record: var record }:
                    Ledger.RemoveAll(step => step > record.StartStep);
                    break;
                case RunEffect.RecordSteps { Records: var records }:
                    Ledger.AddRange(records.Select(record => record.Metrics.Step));
                    break;
                case RunEffect.PublishWarning { Text: var text } when text.Contains("were lost with the workers", StringComparison.Ordinal):
                    Gaps++;
                    break;
                case RunEffect.EndRun end:
                    Outcome = end.Outcome;
                    break;
            }
        }

        return result.Reply;
    }

    private sealed class Worker(int slot, bool isLocal)
    {
        public int Slot => slot;

        public bool IsLocal => isLocal;

        public string Id => WorkerIds.ForSlot(slot);

        public string Incarnation => RunScript.JoinRequest(slot, Start).Incarnation;

        public int Start { get; private set; }

        public bool IsAlive { get; private set; } = true;

        /// <summary>Whether it waits for the answer to a call that is held.</summary>
        public bool IsHeld { get; set; }

        public Assignment? Assignment { get; private set; }

        public long? Step { get; set; }

        /// <summary>Whether it has taken no step since it was placed.</summary>
        public bool IsNew { get; set; }

        public bool WasPlaced => Assignment is not null || Left > 0;

        public int Left { get; private set; }

        public string? Reason { get; private set; }

        public bool WantsRegroup { get; set; }

        public List<StepRecord> Unacknowledged { get; } = [];

        public void Renew()
        {
            End();
            Unacknowledged.Clear();
            (Start, IsAlive, Assignment, Step, Left, Reason) = (Start + 1, true, null, null, 0, null);
        }

        public void End() => (IsAlive, IsHeld) = (false, false);

        /// <summary>Records of steps that are undone go with them.</summary>
        public void Enter(Assignment place)
        {
            (Assignment, IsNew, WantsRegroup) = (place, true, false);
            Unacknowledged.RemoveAll(record => record.Metrics.Step > place.StartStep);
        }

        public void Leave(string? reason)
        {
            IsHeld = false;
            if (Assignment is not null)
            {
                (Left, Reason, Assignment) = (Assignment.Generation, reason, null);
            }
        }
    }
}
