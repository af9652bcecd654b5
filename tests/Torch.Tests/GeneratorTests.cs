using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

public sealed class GeneratorTests
{
    [Fact]
    public void A_restored_state_continues_with_the_same_numbers()
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(7);
        _ = randn([5], generator: generator);
        Tensor state = generator.get_state();
        float[] first = randn([33], generator: generator).AsSpan<float>().ToArray();

        generator.set_state(state);

        Assert.Equal(first, randn([33], generator: generator).AsSpan<float>().ToArray());
    }

    [Fact]
    public void The_seed_decides_the_numbers()
    {
        using DisposeScope scope = NewDisposeScope();
        using var a = new Generator(7);
        using var b = new Generator(7);
        using var c = new Generator(8);

        float[] fromA = rand([9], generator: a).AsSpan<float>().ToArray();

        Assert.Equal(fromA, rand([9], generator: b).AsSpan<float>().ToArray());
        Assert.NotEqual(fromA, rand([9], generator: c).AsSpan<float>().ToArray());
    }

    [Fact]
    public void Dropout_is_replayed_from_the_default_generators_state()
    {
        using DisposeScope scope = NewDisposeScope();
        using Generator generator = default_generator();
        manual_seed(3);
        Tensor x = ones([100]);
        Tensor state = generator.get_state();
        Tensor first = nn.functional.dropout(x, 0.5);

        generator.set_state(state);

        Assert.True(first.equal(nn.functional.dropout(x, 0.5)));
        Assert.False(first.equal(nn.functional.dropout(x, 0.5)));
    }

    [Fact]
    public void A_generator_of_its_own_leaves_the_default_one_alone()
    {
        using DisposeScope scope = NewDisposeScope();
        manual_seed(11);
        float[] expected = rand([4]).AsSpan<float>().ToArray();

        manual_seed(11);
        using var own = new Generator(1);
        _ = zeros([100]).normal_(0, 1, own);

        Assert.Equal(expected, rand([4]).AsSpan<float>().ToArray());
    }

    [Fact]
    public void Normal_numbers_have_the_asked_mean_and_deviation()
    {
        using DisposeScope scope = NewDisposeScope();
        using var generator = new Generator(2);

        Tensor x = zeros([100_000]).normal_(3, 0.5, generator);

        Assert.Equal(3, x.mean().item<double>(), 0.01);
        Assert.Equal(0.5, x.std([0]).item<double>(), 0.01);
    }
}
