using ClipTrain.Torch.Interop;
using static ClipTrain.Torch.torch;

namespace ClipTrain.Torch.Tests;

public sealed class TorchOpTests
{
    [Fact]
    public void An_operators_error_has_libtorchs_text_and_the_schema_but_no_backtrace()
    {
        using DisposeScope scope = NewDisposeScope();

        TorchException e = Assert.Throws<TorchException>(() => ones([2, 3]).mm(ones([2, 3])));

        Assert.Contains("mat1 and mat2 shapes cannot be multiplied (2x3 and 2x3)", e.Message, StringComparison.Ordinal);
        Assert.Contains("aten::mm(Tensor self, Tensor mat2) -> Tensor", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("frame #", e.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("Exception raised from", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_operator_is_named_with_the_version()
    {
        var op = new TorchOp("aten::no_such_operator", "here");

        Assert.False(op.Exists);
        TorchException e = Assert.Throws<TorchException>(() => op.Call());
        Assert.Contains("aten::no_such_operator.here", e.Message, StringComparison.Ordinal);
        Assert.Contains(version, e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_missing_argument_is_named()
    {
        using DisposeScope scope = NewDisposeScope();

        TorchException e = Assert.Throws<TorchException>(() => new TorchOp("aten::mm").Call(ones([2, 2])));

        Assert.Contains("'mat2' is missing", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void An_argument_of_the_wrong_kind_is_named()
    {
        using DisposeScope scope = NewDisposeScope();

        TorchException e = Assert.Throws<TorchException>(() => new TorchOp("aten::mm").Call(ones([2, 2]), 3));

        Assert.Contains("argument 'mat2' cannot be an integer", e.Message, StringComparison.Ordinal);
        Assert.Contains("aten::mm(", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Too_many_arguments_are_refused()
    {
        using DisposeScope scope = NewDisposeScope();

        TorchException e = Assert.Throws<TorchException>(() => new TorchOp("aten::exp").Call(ones([2]), 3));

        Assert.Contains("2 arguments given, at most 1 taken", e.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Left_out_arguments_take_the_schemas_defaults()
    {
        using DisposeScope scope = NewDisposeScope();

        Tensor sum = new TorchOp("aten::add", "Tensor").Call(ones([2]), ones([2]));

        Assert.Equal([2f, 2f], sum.AsSpan<float>().ToArray());
    }

    [Fact]
    public void Lists_longer_than_the_stack_buffer_are_passed_whole()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor[] many = [.. Enumerable.Range(0, 1000).Select(i => tensor([(float)i]))];

        Tensor joined = cat(many);

        Assert.Equal(Enumerable.Range(0, 1000).Select(i => (float)i), joined.AsSpan<float>().ToArray());
    }

    [Fact]
    public void An_operator_may_return_any_number_of_tensors()
    {
        using DisposeScope scope = NewDisposeScope();

        Tensor[] parts = arange(1000).split(1);

        Assert.Equal(1000, parts.Length);
        Assert.Equal(999, parts[^1].item<long>());
    }

    [Fact]
    public void Strings_floats_and_bools_are_passed_as_the_schema_says()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = tensor([0.5f]);

        float exact = new TorchOp("aten::gelu").Call(x, "none").item<float>();
        float tanh = new TorchOp("aten::gelu").Call(x, "tanh").item<float>();
        Tensor scaled = new TorchOp("aten::upsample_nearest2d", "vec").Call(ones([1, 1, 2, 2]), TorchValue.None, new[] { 2.0, 3.0 });

        Assert.Equal(0.34573123, exact, 1e-6);
        Assert.Equal(0.345714, tanh, 1e-5);
        Assert.NotEqual(exact, tanh);
        Assert.Equal([1, 1, 4, 6], scaled.shape);
    }

    [Fact]
    public void A_tensor_list_may_have_absent_elements()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = arange(6).reshape(2, 3);

        // x[:, [0, 2]]
        Tensor picked = new TorchOp("aten::index", "Tensor").Call(x, new[] { null, tensor([0L, 2L]) });

        Assert.Equal([0L, 2, 3, 5], picked.AsSpan<long>().ToArray());
    }

    [Fact]
    public void Results_of_another_kind_than_asked_for_are_an_error_that_leaks_nothing()
    {
        using DisposeScope scope = NewDisposeScope();
        Tensor x = ones([2]);
        long before = NativeMethods.ct_live_handles();

        TorchException e = Assert.Throws<TorchException>(() => new TorchOp("aten::max", "dim").Call(x, 0));
        Assert.Contains("did not return one tensor", e.Message, StringComparison.Ordinal);
        Assert.Throws<TorchException>(() => new TorchOp("aten::equal").Call(x, x));
        Assert.Throws<TorchException>(() => new TorchOp("aten::exp").CallBool(x));

        Assert.Equal(before, NativeMethods.ct_live_handles());
    }

    [Fact]
    public void A_released_tensor_is_refused_before_libtorch_sees_it()
    {
        Tensor x = ones([2]);
        x.Dispose();

        Assert.Throws<ObjectDisposedException>(() => x.exp());
        Assert.Throws<ObjectDisposedException>(() => x.shape);
    }
}
