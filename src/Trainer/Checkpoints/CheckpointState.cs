using ClipTrain.Trainer.Config;

namespace ClipTrain.Trainer.Checkpoints;

/// <summary>
/// What a checkpoint says beside its tensors. The order of samples and the augmentation are pure functions of the seed,
/// so the step alone says where the data stands.
/// </summary>
/// <param name="Step">Steps done: the next step to take.</param>
/// <param name="Samples">Pairs seen, without those that could not be used.</param>
/// <param name="BadSamples">Pairs that could not be used.</param>
/// <param name="TrainingSeconds">Wall seconds of training so far, over all resumes.</param>
/// <param name="ConfigHash">Hash of the run's configuration.</param>
/// <param name="CorpusHash">Hash of the corpus manifest.</param>
public sealed record CheckpointState(long Step, long Samples, long BadSamples, double TrainingSeconds, string ConfigHash, string CorpusHash)
{
    /// <summary>Steps whose gradients overflowed in fp16.</summary>
    public long SkippedSteps { get; init; }

    /// <summary>The factor on the next step's loss: 1 but in fp16.</summary>
    public double LossScale { get; init; } = 1;

    /// <summary>Updates since it last changed.</summary>
    public long CleanSteps { get; init; }

    /// <summary>Layout of the checkpoint directory; a reader refuses others.</summary>
    public int FormatVersion { get; init; } = 1;
}
