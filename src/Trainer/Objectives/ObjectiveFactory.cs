using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Options;

namespace ClipTrain.Trainer.Objectives;

/// <summary>The objective that options name.</summary>
internal static class ObjectiveFactory
{
    public static IObjective Create(ClipModel model, TrainingOptions options, RankGroup group) =>
        model.Objective switch
        {
            Objective.Contrastive => new PairObjective(model, options, group, new ContrastiveLoss(group, options.LossTileRows)),
            Objective.Sigmoid => new PairObjective(model, options, group, new SigmoidLoss(group, options.LossTileRows)),
            Objective.Classification => new SampleObjective(model, options, group, new ClassificationTask(model)),
            Objective.BagOfWords => new SampleObjective(model, options, group, new BagOfWordsTask(model)),
            Objective.Captioning => new SampleObjective(model, options, group, new CaptioningTask(model)),
            _ => throw new NotSupportedException($"Unknown objective {model.Objective}."),
        };
}
