namespace ClipTrain.Trainer.Optimizer;

/// <summary>The numbers of an update.</summary>
/// <param name="Step">Number of the step, from 1: names the random numbers of stochastic rounding.</param>
/// <param name="Updates">Number of the update, from 1, by which Adam corrects its moments: less than the step's where steps were
/// skipped.</param>
/// <param name="LearningRate">Its rate.</param>
/// <param name="GradientScale">Factor on the gradients: below 1 when they are clipped, and without the loss scale.</param>
public readonly record struct OptimizerStep(long Step, long Updates, double LearningRate, double GradientScale);
