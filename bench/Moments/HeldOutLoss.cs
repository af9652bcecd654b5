using ClipTrain.Cli.Evaluation;
using ClipTrain.DataPipeline.Images;
using ClipTrain.DataPipeline.Loading;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Interop;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Runs;
using static TorchSharp.torch;

namespace ClipTrain.Bench.Moments;

/// <summary>The contrastive loss of a finished run over a split that it did not train on.</summary>
internal static class HeldOutLoss
{
    /// <summary>Pairs in a batch. An incomplete last batch is left out, because its loss has fewer negatives.</summary>
    private const int Batch = 512;

    /// <param name="folder">Folder of the run.</param>
    /// <param name="split">Name of one of its retrieval splits.</param>
    /// <returns>The mean over batches, in the split's order.</returns>
    public static double Of(string folder, string split)
    {
        using var scope = NewDisposeScope();
        using var guard = no_grad();
        using var opened = ModelFolder.Open(folder);
        using var model = opened.Load();
        var run = opened.Run!;
        var (options, tokenizer) = (run.Evaluation.Retrieval.Single(each => each.Name == split), opened.Tokenizer());
        var corpus = new SplitCorpus(run, _ => { }).Open(
            split,
            options.Data,
            new SplitColumns(options.ImageColumn, options.CaptionColumn),
            SplitContent.EveryCaption
        );
        using var loader = new SequentialLoader(
            corpus,
            () => new ClipImageTransform(RunPlan.Images(run).Evaluation),
            new SequentialLoaderOptions
            {
                Batch = Batch,
                Threads = 1,
                CaptionRequired = true,
            },
            _ => { }
        );
        var loss = new ContrastiveLoss(new RankGroup(), tileRows: Batch);
        var losses = new List<double>();
        foreach (var batch in loader.Read())
        {
            using var batchScope = NewDisposeScope();
            using (batch)
            {
                if (batch.Count < Batch)
                {
                    continue;
                }

                var images = model.EncodeImage(ImageInput.OnDevice(RunPlan.Images(run).Wrap(batch.Images, batch.Count), CPU));
                var texts = TextEmbedding.Of(model, tokenizer, [.. batch.Captions.Take(batch.Count).Select(caption => caption!)], Batch);
                losses.Add(loss.Compute(images, texts, [batch.Count], model.LogitScaleFactor(run.Training.MaxLogitScale)).Loss);
            }
        }

        return losses.Count > 0 ? losses.Average() : throw new InvalidOperationException($"Split '{split}' has fewer than {Batch} pairs.");
    }
}
