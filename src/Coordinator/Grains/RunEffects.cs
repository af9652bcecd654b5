using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;

namespace ClipTrain.Coordinator.Grains;

/// <summary>Carries out the effects of a run's turns.</summary>
internal sealed class RunEffects(StoredRun stored, HeldCalls held, NodeOrderQueues orders, RunPeers peers)
{
    /// <summary>The outcome of the run; null until it ends.</summary>
    public RunOutcome? Outcome { get; private set; }

    public async Task DoAsync(OpenRun open, RunEffect effect)
    {
        switch (effect)
        {
            case RunEffect.PersistState:
                await SaveAsync(open);
                break;
            case RunEffect.PublishStatus:
                open.Observer.OnStatus(stored.State!);
                break;
            case RunEffect.PublishWarning publish:
                open.Observer.OnWarning(publish.Text);
                break;
            case RunEffect.RecordGeneration { Record: var generation }:
                var assignment = stored.State!.Assignment!;
                var shards = await open.RecordAsync(generation, assignment);
                await peers.OpenGenerationAsync(stored.Term, assignment, generation.Workers, shards);
                break;
            case RunEffect.RecordSteps steps:
                await open.RecordAsync(steps.Records);
                break;
            case RunEffect.Answer answer:
                held.Answer(answer.WorkerId, answer.Call, answer.Reply);
                break;
            case RunEffect.StartWorker start:
                orders.Of(start.NodeId).Add(NodeAction.Start, start.WorkerId, start.Start);
                break;
            case RunEffect.KillWorker { NodeId: { } node } kill:
                orders.Of(node).Add(NodeAction.Kill, kill.WorkerId);
                break;
            case RunEffect.DismissWorker { NodeId: { } node } dismiss:
                orders.Of(node).Add(NodeAction.Dismiss, dismiss.WorkerId);
                break;
            case RunEffect.EndRun end:
                Outcome = end.Outcome;
                orders.WakeAll();
                break;
        }
    }

    /// <summary>Stores the state. A full disk does not end the run: workers that cannot save will report it themselves.</summary>
    public async Task SaveAsync(OpenRun open)
    {
        if (await stored.TrySaveAsync() is { } diskError)
        {
            open.Observer.OnWarning($"the run's state could not be written: {diskError.Message}");
        }
    }
}
