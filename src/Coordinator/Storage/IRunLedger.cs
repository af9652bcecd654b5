using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Coordinator.Storage;

/// <summary>The proof of what a run has done: its generations and every committed step, in order, kept for good.</summary>
public interface IRunLedger
{
    /// <summary>The last step that is recorded and was not undone by a generation that started before it; 0 when there is none.</summary>
    long RecordedStep { get; }

    /// <summary>The last generation that is recorded; null when there is none.</summary>
    GenerationRecord? LastGeneration { get; }

    /// <summary>Appends entries; all of them are safe when the task has ended, and none is when it faults.</summary>
    Task AppendAsync(IReadOnlyList<LedgerEntry> entries);
}
