"""What is timed, per benchmark: name of the subject -> a call without arguments."""
import copy

import torch
from diffusers import AutoencoderKL, UNet2DConditionModel

from preprocessing import reference_preprocessing
from processors import repository_processors, sdpa_processors

SD15_UNET = dict(
    sample_size=64, in_channels=4, out_channels=4, block_out_channels=(320, 640, 1280, 1280), layers_per_block=2,
    down_block_types=("CrossAttnDownBlock2D",) * 3 + ("DownBlock2D",), up_block_types=("UpBlock2D",) + ("CrossAttnUpBlock2D",) * 3,
    attention_head_dim=8, cross_attention_dim=768,
)
SD15_VAE = dict(
    block_out_channels=(128, 256, 512, 512), down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4,
    layers_per_block=2, latent_channels=4, sample_size=512,
)


def built(make):
    """A module with small random weights, without the time its own initialisation takes."""
    with torch.device("meta"):
        module = make()
    module = module.to_empty(device="cpu").eval()
    for parameter in module.parameters():
        torch.nn.init.uniform_(parameter, -0.02, 0.02)
    return module


def channels_last(module):
    return module.to(memory_format=torch.channels_last)


def unet(parameters):
    """One row, 77 text and 4 identity tokens. The repository lays tensors out as they come, runs its LoRA beside the layers and builds
    the score matrix; PyTorch's best has channels last, merged LoRA and scaled_dot_product_attention."""
    plain = built(lambda: UNet2DConditionModel(**SD15_UNET))
    best = channels_last(copy.deepcopy(plain))
    half = copy.deepcopy(best).to(torch.bfloat16)
    plain.set_attn_processor(repository_processors(plain))
    for net in (best, half):
        net.set_attn_processor(sdpa_processors(net))
    sample, tokens = torch.randn(1, 4, parameters["height"], parameters["width"]), torch.randn(1, 81, 768)

    def step(net, layout):
        inputs = sample.to(net.dtype, memory_format=layout), 500, tokens.to(net.dtype)
        return lambda: net(*inputs, return_dict=False)

    return {
        "torch fp32 (SDPA, channels-last)": step(best, torch.channels_last),
        "repository processors fp32": step(plain, torch.contiguous_format),
        "torch bf16 (SDPA, channels-last)": step(half, torch.channels_last),
    }


def vae(parameters):
    model = channels_last(built(lambda: AutoencoderKL(**SD15_VAE)))
    half = copy.deepcopy(model).to(torch.bfloat16)
    latents = torch.randn(1, 4, parameters["height"], parameters["width"]).contiguous(memory_format=torch.channels_last)
    return {
        "torch fp32 (channels-last)": lambda: model.decode(latents, return_dict=False),
        "torch bf16 (channels-last)": lambda: half.decode(latents.bfloat16(), return_dict=False),
    }


def preprocess(parameters):
    return {"reference (fp32)": reference_preprocessing(parameters["picture"], built)}


def pixels(parameters):
    from PIL import Image

    picture = Image.open(parameters["picture"]).convert("RGB").resize((827, 613))
    return {
        "Pillow bicubic 224": lambda: picture.resize((302, 224), Image.Resampling.BICUBIC),
        "Pillow bilinear 512": lambda: picture.resize((512, 512), Image.Resampling.BILINEAR),
        "Pillow lanczos 1200": lambda: picture.resize((1200, 900), Image.Resampling.LANCZOS),
    }


BENCHMARKS = {"unet": unet, "vae": vae, "preprocess": preprocess, "pixels": pixels}
