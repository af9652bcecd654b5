using System.Text.Json;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Tests.Rules;

/// <summary>
/// Managed and unmanaged workers on one fake clock: they join, train in step, keep records until
/// they are acknowledged, and are killed at random; nodes die or are disconnected; the coordinator dies in the middle of a turn and
/// another one continues from the stored state. One round of the clock is half a second.
/// </summary>
internal sealed class SimulatedCluster
{
    private readonly List<SimulatedNode> _nodes;
    private readonly List<SimulatedProcess> _processes;
    private readonly Queue<(SimulatedNode Node, RunMessage.WorkerExited Exit)> _reports = new();
    private readonly RunSpec _spec;
    private readonly long _lastStep;
    private readonly Random _random;
    private DateTimeOffset _now = RunScript.Start;
    private string _stored;
    private int _recordedGeneration;
    private int _started;
    private bool _killing;

    public SimulatedCluster(RunSpec spec, int unmanaged, int[] nodeSlots, long lastStep, Random random)
    {
        (_spec, _lastStep, _random) = (spec, lastStep, random);
        _nodes = [.. nodeSlots.Select((slots, i) => new SimulatedNode($"node-{i}", slots))];
        _processes = [.. Enumerable.Range(spec.ManagedWorkers, unmanaged).Select(slot => new SimulatedProcess(slot, 0))];
        State = RunState.Create(spec, resumedFrom: null, RunScript.Start);
        _stored = RunScript.Json(State);
    }

    public RunState State { get; private set; }

    public RunOutcome? Outcome { get; private set; }

    /// <summary>Steps in the ledger, without those that a later generation undid.</summary>
    public List<long> Ledger { get; } = [];

    public int Gaps { get; private set; }

    /// <param name="killing">True if processes, nodes and the coordinator may die in this round.</param>
    public void Round(bool killing)
    {
        _now += TimeSpan.FromSeconds(0.5);
        _killing = killing;
        foreach (var node in _nodes)
        {
            Change(node);
        }

        foreach (var process in _processes.ToList())
        {
            // A managed process that ends before it was assigned a rank is a wrong setup, of which a run may die.
            if (killing && process.IsAlive && (process.Node is null || process.WasAssigned) && _random.Next(60) == 0)
            {
                Kill(process);
            }
            else if (process is { IsAlive: false, Node: null } && _random.Next(20) == 0)
            {
                _processes[_processes.IndexOf(process)] = new SimulatedProcess(process.Slot, ++_started);
            }

            if (process.IsAlive)
            {
                Act(process);
            }
        }

        _processes.RemoveAll(process => process is { IsAlive: false, Node: not null });
        Train();
        Deliver();
        Send(new RunMessage.Tick());
        foreach (
            var group in _processes
                .Where(process => process is { IsAlive: true, Assignment: not null })
                .GroupBy(process => process.Assignment!.Generation)
        )
        {
            Assert.Equal(group.Count(), group.DistinctBy(process => process.Assignment!.Rank).Count());
        }
    }

    private void Change(SimulatedNode node)
    {
        if (!node.IsUp && _random.Next(10) == 0)
        {
            node.Restart();
        }

        if (node.IsCutOff && _random.Next(10) == 0)
        {
            node.IsCutOff = false;
        }

        if (_killing && node.IsReached && _random.Next(150) == 0)
        {
            node.IsCutOff = _random.Next(2) == 0;
            node.IsUp = node.IsCutOff;
            foreach (var process in _processes.Where(process => process.Node == node && !node.IsUp))
            {
                process.End();
            }

            // Else the node itself is the first to tell of it, when it is back.
            if (node.IsCutOff || _random.Next(2) == 0)
            {
                Send(new RunMessage.NodeLost(node.Id));
            }
        }

        if (node.IsReached)
        {
            Send(new RunMessage.NodeJoined(node.Message));
        }
    }

    private void Kill(SimulatedProcess process)
    {
        process.End();
        if (process.Node is not null)
        {
            _reports.Enqueue((process.Node, new RunMessage.WorkerExited(process.Id, 137, []) { Start = process.Start }));
        }
    }

    /// <summary>Reports exits until they are answered. Dead nodes report nothing.</summary>
    private void Deliver()
    {
        for (var count = _reports.Count; count > 0; count--)
        {
            var (node, exit) = _reports.Dequeue();
            if (node.IsCutOff || (node.IsUp && Send(exit) is null))
            {
                _reports.Enqueue((node, exit));
            }
        }
    }

    private void Act(SimulatedProcess process)
    {
        if (process.Assignment is null)
        {
            Take(process, Send(new RunMessage.Join(process.JoinRequest)));
        }
        else if (process.Step == _lastStep)
        {
            if (process.Assignment.Rank == 0)
            {
                Send(new RunMessage.Checkpointed(new CheckpointWritten(process.Id, process.Incarnation, _lastStep, "last")));
            }

            Take(
                process,
                Send(
                    new RunMessage.Report(
                        new WorkerReport(process.Id, process.Incarnation, process.Assignment.Generation, WorkerOutcome.Completed, _lastStep)
                    )
                )
            );
        }

        if (
            process.IsAlive
            && Send(new RunMessage.Heartbeats([process.Heartbeat]))
                is RunReply.HeartbeatReplies { Replies: [RunReply.HeartbeatReply { Answer: var answer }] }
        )
        {
            process.Records.Acknowledge(answer.RecordedStep);
            process.WantsRegroup = answer.Directive == Directive.Regroup;
            if (answer.Directive == Directive.Rejoin)
            {
                process.Leave("told to");
            }
        }
    }

    /// <summary>Takes a step with all ranks of a generation. If one is missing, others notice sooner or later.</summary>
    private void Train()
    {
        foreach (
            var group in _processes
                .Where(process => process.Assignment is not null)
                .GroupBy(process => process.Assignment!.Generation)
                .ToList()
        )
        {
            var ranks = group.ToList();
            if (ranks.Count < ranks[0].Assignment!.WorldSize || !ranks.TrueForAll(process => process.IsAlive))
            {
                foreach (var process in ranks.Where(process => process.IsAlive && _random.Next(4) == 0))
                {
                    process.Leave("connection closed by peer");
                }
            }
            else if (ranks.Exists(process => process.Step != ranks[0].Assignment!.StartStep && process.IsNew))
            {
                // The state goes from its source to all; nobody goes on before all have it.
                foreach (var process in ranks)
                {
                    process.Step = process.Assignment!.StartStep;
                }
            }
            else if (ranks.Exists(process => process.WantsRegroup))
            {
                ranks.ForEach(process => process.Leave(reason: null));
            }
            else if (ranks[0].Step < _lastStep)
            {
                Commit(ranks);
            }
        }
    }

    private void Commit(List<SimulatedProcess> ranks)
    {
        var step = ranks[0].Step!.Value + 1;
        var breaksHalfway = _killing && _random.Next(40) == 0;
        foreach (var process in ranks.Where(_ => !breaksHalfway || _random.Next(2) == 0))
        {
            process.Step = step;
            process.IsNew = false;
            process.Records.Add(RunScript.Record(step, process.Assignment!.Generation, [.. Enumerable.Repeat(0.1, ranks.Count)]));
        }

        if (breaksHalfway)
        {
            Kill(ranks[_random.Next(ranks.Count)]);
        }
        else if (step % 7 == 0 && ranks.Find(process => process.Assignment!.Rank == 0) is { } first)
        {
            Send(new RunMessage.Checkpointed(new CheckpointWritten(first.Id, first.Incarnation, step, $"step-{step}")));
        }
    }

    private void Take(SimulatedProcess process, RunReply? reply)
    {
        process.IsHeld = reply is RunReply.Held;
        switch (reply)
        {
            case RunReply.Assigned { Assignment: var assignment } when process.Assignment is null:
                process.Enter(assignment);
                break;
            case RunReply.Directed { Directive: Directive.Rejoin }:
                process.Leave("told to");
                break;
            case RunReply.Directed { Directive: Directive.SaveAloneAndExit }:
                Send(new RunMessage.Checkpointed(new CheckpointWritten(process.Id, process.Incarnation, process.Step!.Value, "saved")));
                Kill(process);
                break;
            case RunReply.Directed or RunReply.Refused:
                Kill(process);
                break;
        }
    }

    /// <summary>Null when the coordinator died in the turn: the answer is lost, and so are the effects that were not carried out.</summary>
    private RunReply? Send(RunMessage message)
    {
        var result = RunMachine.Handle(State, message, _now);
        State = result.State;
        foreach (var effect in result.Effects)
        {
            if (_killing && _random.Next(400) == 0)
            {
                TakeOver();
                return null;
            }

            Do(effect);
        }

        return result.Reply;
    }

    private void TakeOver()
    {
        State = JsonSerializer.Deserialize(_stored, CoordinatorJson.Default.RunState)!;
        foreach (var process in _processes)
        {
            process.IsHeld = false;
        }

        Send(new RunMessage.TakenOver(Ledger.Count > 0 ? Ledger[^1] : 0) { RecordedGeneration = _recordedGeneration });
    }

    private void Do(RunEffect effect)
    {
        switch (effect)
        {
            case RunEffect.PersistState:
                _stored = RunScript.Json(State);
                break;
            case RunEffect.Answer answer:
                foreach (var asker in _processes.Where(process => process.IsHeld && process.Id == answer.WorkerId).ToList())
                {
                    Take(asker, answer.Reply);
                }

                break;
            case RunEffect.KillWorker { NodeId: { } node } kill:
                foreach (
                    var hanging in _processes
                        .Where(process =>
                            process is { IsAlive: true, Node.IsReached: true } && process.Node.Id == node && process.Id == kill.WorkerId
                        )
                        .ToList()
                )
                {
                    Kill(hanging);
                }

                break;
            case RunEffect.StartWorker start:
                StartProcess(_nodes.Single(node => node.Id == start.NodeId), start);
                break;
            case RunEffect.RecordGeneration { Record: var record }:
                _recordedGeneration = record.Generation;
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

    private void StartProcess(SimulatedNode node, RunEffect.StartWorker start)
    {
        if (!node.IsReached)
        {
            return;
        }

        var running = _processes.Find(process => process.IsAlive && process.Node == node && process.Id == start.WorkerId);
        if (start.Start > node.Starts.GetValueOrDefault(start.WorkerId))
        {
            running?.End();
            node.Starts[start.WorkerId] = start.Start;
            _processes.Add(new SimulatedProcess(RunScript.Slot(start.WorkerId), ++_started) { Node = node, Start = start.Start });
        }
        else if (running is null)
        {
            _reports.Enqueue((node, new RunMessage.WorkerExited(start.WorkerId, 137, []) { Start = start.Start }));
        }
    }
}
