using ClipTrain.Coordinator.Protocol;

namespace ClipTrain.Trainer.Loop;

/// <summary>The training loop's connection to its owner: the coordinator, or a test.</summary>
public interface ITrainingControl
{
    /// <summary>
    /// The directive for this rank now; a checkpoint request is returned only once. The ranks agree among themselves on the step
    /// after which they follow it.
    /// </summary>
    Directive TakeDirective();

    /// <summary>Reports a committed step. Called on every rank.</summary>
    void StepCommitted(StepRecord record);

    /// <summary>Records of committed steps that the ledger may lack, up to and including a step.</summary>
    IReadOnlyList<StepRecord> Unrecorded(long upToStep);

    /// <summary>Steps up to this one are in the ledger, and did not lead the coordinator to go back before them.</summary>
    long SoundStep { get; }

    /// <summary>Reports that rank 0 has written a checkpoint.</summary>
    void CheckpointWritten(long step, string directory);
}
