namespace ClipTrain.Trainer.Loop;

/// <summary>Why the training loop came to its end; the same on all ranks.</summary>
public enum LoopEnd
{
    /// <summary>The last step is committed and its checkpoint written.</summary>
    Completed,

    /// <summary>Asked to stop; a checkpoint of the state is written.</summary>
    Stopped,

    /// <summary>Asked to leave the group and join again with others.</summary>
    Regroup,
}
