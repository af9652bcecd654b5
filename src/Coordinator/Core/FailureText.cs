using System.Globalization;
using System.Text;

namespace ClipTrain.Coordinator.Core;

/// <summary>What a user reads when a run has ended early.</summary>
internal static class FailureText
{
    private const int MostFurtherCauses = 3;

    /// <summary>
    /// The first failure that is a cause (collectives fail because of one), shortly what else went wrong, and the last
    /// lines of the first worker.
    /// </summary>
    public static string Cause(RunState state)
    {
        var first = Root(state);
        var further = state.Failures.Where(failure => failure.Kind != FailureKind.CollectiveFailed).Skip(1).Where(failure => !string.Equals(failure.Text, first.Text, StringComparison.Ordinal)).ToList();
        var text = new StringBuilder(Describe(state, first));
        foreach (var other in further.Take(MostFurtherCauses))
        {
            text.Append("; then ").Append(Describe(state, other));
        }

        if (further.Count > MostFurtherCauses)
        {
            text.Append(CultureInfo.InvariantCulture, $"; and {further.Count - MostFurtherCauses} more");
        }

        foreach (var line in first.LastLines)
        {
            text.Append("\n  | ").Append(line);
        }

        return text.ToString();
    }

    /// <summary>The first failure that is a cause and not a consequence.</summary>
    public static WorkerFailure Root(RunState state) =>
        state.Failures.FirstOrDefault(failure => failure.Kind != FailureKind.CollectiveFailed) ?? state.Failures[0];

    public static string Resumable(RunState state) => state.LastCheckpoint is { } checkpoint
        ? $"resumable from step {checkpoint.Step}: cliptrain resume {state.Spec.ResumeAs ?? state.Spec.RunId}"
        : "no checkpoint was written";

    private static string Describe(RunState state, WorkerFailure failure)
    {
        var label = state.Find(failure.WorkerId)!.Label;
        return failure.Kind is FailureKind.Reported or FailureKind.CollectiveFailed
            ? $"{label}: {failure.Text}"
            : $"{label} {failure.Text}";
    }
}
