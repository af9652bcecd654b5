using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

internal static class Refusals
{
    public static RunReply.Refused UnknownWorker(RunState state, string workerId) =>
        new(RefusalKind.UnknownWorker, $"Run {state.Spec.RunId} has no {workerId}.");
}
