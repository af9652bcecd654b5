using ClipTrain.Torch.Operators;
using ClipTrain.Trainer.Distributed;
using ClipTrain.Trainer.Loop;
using ClipTrain.Trainer.Models;
using ClipTrain.Trainer.Objectives;
using ClipTrain.Trainer.Optimizer;
using ClipTrain.Trainer.Options;
using ClipTrain.Trainer.State;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Trainer.Tests.Objectives;

/// <summary>Likelihoods of texts compared with their definition and with the loss that training lowers.</summary>
public class TextLikelihoodTests
{
    private const int Images = 3,
        Texts = 4;

    [Fact]
    public void A_bag_of_words_gives_a_text_the_mean_log_probability_of_its_distinct_words()
    {
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3, objective: Objective.BagOfWords);
        using var guard = no_grad();
        model.Parameters[ClassifierHead.Bias].copy_(arange(TinyClip.Model.Text.Vocabulary, float32) / 50);
        var (batch, texts) = (TinyClip.Batch(0, Images), TextsOf(TinyClip.Batch(40, Texts)));
        texts.Tokens_pL[0, 3] = texts.Tokens_pL[0, 2];
        texts.Ends[1] = 1;

        var scores = Scores(model, batch, texts);

        var features_nE = TowerPass.Forward(model.FeatureSegments(), batch.Images_b3SS);
        var logits_nC = features_nE.mm(model.Parameters[ClassifierHead.Weight].t()) + model.Parameters[ClassifierHead.Bias];
        var log_nC = logits_nC.log_softmax(1);
        for (var image = 0; image < Images; image++)
        {
            for (var text = 0; text < Texts; text++)
            {
                var words = new HashSet<long>(texts.TokensOf(text)[1..(int)texts.Ends[text]].ToArray());
                var expected = words.Count == 0 ? double.NegativeInfinity : words.Average(word => log_nC[image, word].item<float>());
                Assert.Equal(expected, scores[image, text].item<float>(), 1e-4);
            }
        }
    }

    [Fact]
    public void A_captioner_gives_a_text_the_sum_of_the_log_probabilities_of_its_tokens()
    {
        using var model = new ClipModel(TinyClip.Model, Precision.Fp32, 3, objective: Objective.Captioning);
        var (batch, texts) = (TinyClip.Batch(0, Images), TextsOf(TinyClip.Batch(40, Texts)));

        var scores = Scores(model, batch, texts);

        using var guard = no_grad();
        var context = TinyClip.Model.Text.Context;
        for (var image = 0; image < Images; image++)
        {
            for (var text = 0; text < Texts; text++)
            {
                var tokens = texts.TokensOf(text).ToArray();
                var chain = model.CaptionSegments(texts.Tokens_pL.narrow(0, text, 1), arange(context, int64), context);
                var rows_LW = TowerPass.Forward(chain, batch.Images_b3SS.narrow(0, image, 1));
                var log_LC = rows_LW.mm(model.Parameters[CaptionDecoder.TokenEmbedding].t()).log_softmax(1);
                var expected = Enumerable.Range(0, (int)texts.Ends[text]).Sum(t => log_LC[t, tokens[t + 1]].item<float>());
                Assert.Equal(expected, scores[image, text].item<float>(), 1e-3);
            }
        }
    }

    [Theory]
    [InlineData(Objective.BagOfWords)]
    [InlineData(Objective.Captioning)]
    public void The_likelihood_of_a_samples_caption_is_minus_its_training_loss(Objective objective)
    {
        var options = TinyClip.Run(objective: objective);
        using var state = new TrainingState(options);
        var batch = TinyClip.Batch(5, 1);
        var tokens = objective == Objective.Captioning ? batch.Ends_b.item<long>() : 1;
        var loss = new TrainingStep(state, options.Training, new RankGroup(), new LearningRateSchedule(1e-2, 5, 100)).ComputeGradients(
            batch,
            [1]
        );
        Assert.Equal(-loss * tokens, Scores(state.Model, batch, TextsOf(batch)).item<float>(), 1e-3);
    }

    private static torch.Tensor Scores(ClipModel model, TrainingBatch batch, TokenizedTexts texts)
    {
        var likelihood = TextLikelihood.Of(model);
        return likelihood.LogLikelihood(likelihood.Encode(batch.Images_b3SS), texts);
    }

    private static TokenizedTexts TextsOf(TrainingBatch batch) => new(batch.Tokens_bL, batch.Ends_b.AsSpan<long>().ToArray());
}
