using ClipTrain.Evaluation.Retrieval;
using ClipTrain.Evaluation.ZeroShot;
using ClipTrain.Torch.Operators;
using TorchSharp;
using static TorchSharp.torch;

namespace ClipTrain.Evaluation.Tests;

public class RetrievalTests
{
    [Fact]
    public void Perfect_embeddings_have_perfect_recall()
    {
        var identity = Identity(30);
        var result = RetrievalRanking.Measure(identity, identity, [.. Enumerable.Range(0, 30).Select(i => (IReadOnlyList<long>)[i])]);
        Assert.Equal((1.0, 1.0, 1.0, 1.0, 30L), Figures(result.ImageToText));
        Assert.Equal((1.0, 1.0, 1.0, 1.0, 30L), Figures(result.TextToImage));
    }

    [Fact]
    public void Collapsed_embeddings_find_nothing_by_luck()
    {
        // All scores tie, so every wrong answer counts before the right one.
        var ones_ = ones([30, 4]) / 2;
        var result = RetrievalRanking.Measure(ones_, ones_, [.. Enumerable.Range(0, 30).Select(i => (IReadOnlyList<long>)[i])]);
        Assert.Equal((0.0, 0.0, 0.0, 30.0, 30L), Figures(result.ImageToText));
    }

    [Fact]
    public void Ranks_are_counted_exactly()
    {
        // Image 0 scores texts 3, 2, 1, … and belongs to text i: it has i texts before it.
        var texts = tensor([12f, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1]).view([12, 1]);
        var images = ones([12, 1]);
        var result = RetrievalRanking.Measure(images, texts, [.. Enumerable.Range(0, 12).Select(i => (IReadOnlyList<long>)[i])]);
        Assert.Equal((1 / 12.0, 5 / 12.0, 10 / 12.0, 6.5, 12L), Figures(result.ImageToText));
    }

    [Fact]
    public void Any_image_of_a_concept_answers_its_caption()
    {
        var texts = Identity(2);
        var images = tensor([0.6f, 0.8f, 1, 0, 0, 1]).view([3, 2]);
        var result = RetrievalRanking.Measure(
            images,
            texts,
            [
                [0],
                [0],
                [1],
            ]
        );
        Assert.Equal(1, result.TextToImage.R1);
        Assert.Equal(2 / 3.0, result.ImageToText.R1, 1e-9);
        Assert.Equal((3L, 2L), (result.Images, result.Concepts));
    }

    [Fact]
    public void Zero_shot_accuracy_counts_images_and_averages_classes()
    {
        // Three images of class 0, of which two are right, and one of class 1 which is right.
        var images = tensor([1f, 0, 1, 0, 0, 1, 0, 1]).view([4, 2]);
        var result = Classify(images, Identity(2), [0, 0, 0, 1]);
        Assert.Equal(0.75, result.Top1, 1e-9);
        Assert.Equal(((2 / 3.0) + 1) / 2, result.MeanPerClass, 1e-9);
        Assert.Equal(1, result.Top5);
    }

    [Fact]
    public void Every_caption_of_an_image_is_a_query_and_a_right_answer()
    {
        // Three images along the axes; the first has two captions, one of which lies nearer to the second image.
        using var images = tensor([1f, 0, 0, 0, 1, 0, 0, 0, 1]).view([3, 3]);
        using var texts = tensor([1f, 0, 0, 0.6f, 0.8f, 0, 0, 1, 0, 0, 0, 1]).view([4, 3]);

        var result = RetrievalRanking.Measure(
            images,
            texts,
            [
                [0, 1],
                [2],
                [3],
            ]
        );

        Assert.Equal(1, result.ImageToText.R1);
        Assert.Equal(0.75, result.TextToImage.R1);
        Assert.Equal((3L, 4L), (result.Images, result.Concepts));
    }

    [Fact]
    public void What_is_no_number_finds_nothing()
    {
        // The first image and its text are NaN; the second text is NaN for an image that has another right answer.
        var images = tensor([float.NaN, 0, 0, 1]).view([2, 2]);
        var texts = tensor([float.NaN, 0, 0, 1]).view([2, 2]);

        var lost = RetrievalRanking.Measure(
            images,
            texts,
            [
                [0],
                [1],
            ]
        );
        var all = RetrievalRanking.Measure(
            images,
            images,
            [
                [0, 1],
                [0, 1],
            ]
        );

        Assert.Equal(0, lost.ImageToText.R1);
        Assert.Equal(0.5, lost.ImageToText.R5);
        Assert.Equal(0.5, all.ImageToText.R10);
    }

    [Fact]
    public void No_class_is_right_for_an_image_that_is_no_number()
    {
        var images = tensor([float.NaN, 0, 0, 1]).view([2, 2]);

        var result = Classify(images, Identity(2), [0, 1]);

        Assert.Equal((0.5, 0.5), (result.Top1, result.Top5));
    }

    [Fact]
    public void A_class_that_is_no_number_counts_before_the_right_one()
    {
        var classes = tensor([float.NaN, 0, 0, 1]).view([2, 2]);

        Assert.Equal(
            (0.0, 1.0),
            (Classify(tensor([0f, 1]).view([1, 2]), classes, [1]).Top1, Classify(tensor([0f, 1]).view([1, 2]), classes, [1]).Top5)
        );
    }

    [Fact]
    public void A_class_is_the_normalised_mean_of_its_prompts()
    {
        var classes = ZeroShotClassifier.ClassEmbeddings(tensor([1f, 0, 0, 1, 0, 1, 0, 1]).view([2, 2, 2]));
        Assert.Equal(
            [(float)Math.Sqrt(0.5), (float)Math.Sqrt(0.5), 0, 1],
            classes.AsSpan<float>().ToArray(),
            (a, b) => Math.Abs(a - b) < 1e-6
        );
        Assert.Equal("a drawing of a cat.", ZeroShotClassifier.Prompt("a drawing of a {}.", "cat"));
    }

    private static (double R1, double R5, double R10, double MedianRank, long Queries) Figures(Recall recall) =>
        (recall.R1, recall.R5, recall.R10, recall.MedianRank, recall.Queries);

    private static Classification Classify(torch.Tensor images, torch.Tensor classes, long[] labels) =>
        Classification.Of(ZeroShotClassifier.Predict(images, classes, labels, logitScale: 1), (int)classes.size(0));

    private static torch.Tensor Identity(int size)
    {
        var identity = zeros([size, size]);
        for (var i = 0; i < size; i++)
        {
            identity.AsSpan<float>()[(i * size) + i] = 1;
        }

        return identity;
    }
}
