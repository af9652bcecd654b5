using ClipTrain.Coordinator.Protocol;
using ClipTrain.Coordinator.Rules;
using ClipTrain.Coordinator.State;

namespace ClipTrain.Trainer.Loop;

/// <summary>The training loop's line to whoever runs it: the coordinator, or a test.</summary>
public interface ITrainingControl
{
    /// <summary>
    /// What is asked of this rank now; a checkpoint once a request. Ranks agree among themselves on the step at which they obey.
    /// </summary>
    Directive TakeDirective();

    /// <summary>A step is committed. Called on every rank.</summary>
    void StepCommitted(StepRecord record);

    /// <summary>Records of committed steps that the ledger may not have yet, up to and with a step.</summary>
    IReadOnlyList<StepRecord> Unrecorded(long upToStep);

    /// <summary>Rank 0 wrote a checkpoint.</summary>
    void CheckpointWritten(long step, string directory);
}
