using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.Parameters;

namespace ClipTrain.Trainer.State;

/// <summary>What the buffers of a training state look like.</summary>
/// <param name="Parameters">The parameters in their layout.</param>
/// <param name="Options">What moments are kept in, and what a fresh run's loss scale is.</param>
internal sealed record StateLayout(FlatParameters Parameters, TrainingOptions Options);
