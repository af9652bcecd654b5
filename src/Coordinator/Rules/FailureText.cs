using System.Globalization;
using System.Text;
using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Rules;

/// <summary>The message for a run that has ended early.</summary>
internal static class FailureText
{
    private const int MostFurtherCauses = 3;

    /// <summary>
    /// The root failure, a short list of the others, and the last lines of the worker at the root. Failed collectives are
    /// consequences and are left out.
    /// </summary>
    public static string Cause(RunState state)
    {
        var root = Root(state);
        var further = state
            .Failures.Where(failure =>
                failure.Kind != FailureKind.CollectiveFailed
                && failure != root
                && !string.Equals(failure.Text, root.Text, StringComparison.Ordinal)
            )
            .DistinctBy(Describe, StringComparer.Ordinal)
            .ToList();
        var text = new StringBuilder(Repetition(state)).Append(Describe(root));
        foreach (var other in further.Take(MostFurtherCauses))
        {
            text.Append("; then ").Append(Describe(other));
        }

        if (further.Count > MostFurtherCauses)
        {
            text.Append(CultureInfo.InvariantCulture, $"; and {further.Count - MostFurtherCauses} more");
        }

        foreach (var line in root.LastLines)
        {
            text.Append("\n  | ").Append(line);
        }

        return text.ToString();
    }

    /// <summary>
    /// The report of a worker that could not go on, which alone ends a run; else the first failure that is no consequence of another.
    /// </summary>
    public static WorkerFailure Root(RunState state) =>
        state.Failures.FirstOrDefault(failure => failure.Kind == FailureKind.Reported)
        ?? state.Failures.FirstOrDefault(failure => failure.Kind != FailureKind.CollectiveFailed)
        ?? state.Failures[0];

    public static string Resumable(RunState state) =>
        state.LastCheckpoint is { } checkpoint
            ? $"resumable from step {checkpoint.Step}: cliptrain resume {state.Spec.ResumeAs ?? state.Spec.RunId}"
            : "no checkpoint was written";

    public static string Describe(WorkerFailure failure) =>
        failure.Kind is FailureKind.Reported or FailureKind.CollectiveFailed
            ? $"{failure.Label}: {failure.Text}"
            : $"{failure.Label} {failure.Text}";

    /// <summary>The reason why failures that a run usually survives ended this one; empty after a report.</summary>
    private static string Repetition(RunState state)
    {
        if (state.Failures.Any(failure => failure.Kind == FailureKind.Reported))
        {
            return "";
        }

        if (state.Members.FirstOrDefault(member => member.FruitlessStarts >= WorkerLoss.MaxFruitlessStarts) is { } stuck)
        {
            return $"{stuck.WorkerId} ended {stuck.FruitlessStarts} times in a row before it was given a place: ";
        }

        return state.FruitlessGenerations >= state.Spec.MaxFruitlessGenerations
            ? $"{state.FruitlessGenerations} generations in a row broke without a new step: "
            : "";
    }
}
