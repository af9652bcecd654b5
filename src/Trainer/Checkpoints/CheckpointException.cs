namespace ClipTrain.Trainer.Checkpoints;

/// <summary>A checkpoint cannot be written or read; the message names the file and the reason.</summary>
public sealed class CheckpointException : Exception
{
    public CheckpointException(string message)
        : base(message) { }

    public CheckpointException(string message, Exception inner)
        : base(message, inner) { }
}
